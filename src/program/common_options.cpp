#include "common_options.hpp"

namespace neumf::program {

void declare_machine(OptionTable& table, MachineChoice& machine, bool one_precision) {
  table.section("Machine");
  table.add("device", machine.device, "auto (a GPU where there is one), cuda or cpu");
  if (one_precision)
    table.add("precision", machine.precision, "of products and activations: fp32, tf32, fp16 or bf16");
  table.add("threads", machine.threads, "CPU threads per rank; 0: the cores that the rank may use",
            {.range = at_least(0).at_most(4096)});
  table.add_common();
}

}  // namespace neumf::program
