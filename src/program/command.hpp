// The commands of the neumf program: `neumf NAME [options]`. Each is one file of this folder that defines a
// Command; commands.cpp lists them. Help, manual page and completion are made from what a Command says of
// itself.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/config/option_table.hpp"

namespace neumf::program {

using Arguments = std::vector<std::string>;

struct Command {
  const char* name;
  const char* summary;      // one line, without a full stop
  const char* synopsis;     // what follows the name: "--load_checkpoint_path FILE [options]"
  const char* description;  // paragraphs, separated by empty lines; indented lines are kept as they are
  OptionTexts (*options)();
  // Returns the exit status. Collective. Throws Error or CollectiveError, which main reports.
  int (*run)(const Arguments& arguments, const Communicator& communicator);
};

// All commands, in the order in which people meet them.
std::span<const Command* const> commands();
// Throws Error if there is none of this name.
const Command& find_command(const std::string& name);

// Does what the command line says; `arguments` without the program's name. Without a command's name they are
// those of the reference implementation: training, or with --mode test evaluation. Returns the exit status.
// Collective.
int run(const Arguments& arguments, const Communicator& communicator);

}  // namespace neumf::program
