// How the commands declare and read their options, and the options that they share.
#pragma once

#include <fmt/format.h>

#include "command.hpp"
#include "neumf/config/option_table.hpp"
#include "on_device.hpp"

namespace neumf::program {

// --device, --precision (unless `one_precision` is false) and --threads, then --config and --help.
void declare_machine(OptionTable& table, MachineChoice& machine, bool one_precision = true);

// A command's options are a struct with a member declare(OptionTable&).
template <class Options>
OptionTexts option_texts() {
  Options options;
  OptionTable table("neumf");
  options.declare(table);
  return table.texts();
}

// Reads the arguments of `neumf COMMAND` into `options`. Throws Error.
template <class Options>
void read_options(Options& options, const char* command, const Arguments& arguments) {
  OptionTable table(fmt::format("neumf {}", command));
  options.declare(table);
  table.read(arguments);
}

}  // namespace neumf::program
