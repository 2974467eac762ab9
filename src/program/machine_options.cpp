#include "machine_options.hpp"

#include <boost/program_options.hpp>

#include "neumf/config/command_line.hpp"
#include "neumf/core/error.hpp"

namespace po = boost::program_options;

namespace neumf::program {

po::options_description MachineOptions::describe(bool one_precision) {
  po::options_description options("Machine");
  options.add_options()("device", po::value(&device)->default_value(device),
                        "auto (a GPU where there is one), cuda or cpu");
  if (one_precision)
    options.add_options()("precision", po::value(&precision)->default_value(precision),
                          "of products and activations: fp32, tf32, fp16 or bf16");
  options.add_options()("threads", po::value(&threads)->default_value(threads),
                        "CPU threads per rank; 0: the cores that the rank may use");
  return options;
}

MachineChoice MachineOptions::choice() const {
  require(threads >= 0, "--threads {}: must be 0 (automatic) or more", threads);
  MachineChoice choice;
  choice.device = parse_device(device);
  choice.precision = parse_precision(precision);
  choice.threads = threads;
  return choice;
}

po::options_description common_options() {
  po::options_description options("General");
  options.add_options()("config", po::value<std::string>()->value_name("FILE"),
                        "INI file with any of these options; the command line wins")("help,h",
                                                                                     "print this text");
  return options;
}

}  // namespace neumf::program
