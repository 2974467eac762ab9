#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "command.hpp"
#include "help.hpp"
#include "neumf/core/version.hpp"

namespace neumf::program {
namespace {

bool contains(const Arguments& arguments, const char* word) {
  return std::find(arguments.begin(), arguments.end(), word) != arguments.end();
}

}  // namespace

int run(const Arguments& arguments, const Communicator& communicator) {
  const auto print = [&](const std::string& text) {
    if (communicator.is_root()) fmt::print("{}", text);
    return EXIT_SUCCESS;
  };
  const bool help = contains(arguments, "--help") || contains(arguments, "-h");
  if (arguments.empty() || arguments.front().starts_with('-')) {
    if (help) return print(overview());
    if (contains(arguments, "--version")) return print(version_text());
    return find_command("train").run(arguments, communicator);
  }
  const Command* command = nullptr;
  communicator.together([&] { command = &find_command(arguments.front()); });
  if (help) return print(help_text(*command));
  return command->run({arguments.begin() + 1, arguments.end()}, communicator);
}

}  // namespace neumf::program
