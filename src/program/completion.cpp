// Completion in bash: the name of a command, then its options and their values.
#include "help.hpp"
#include "neumf/config/documents.hpp"
#include "neumf/core/error.hpp"

namespace neumf::program {

std::string bash_completion() {
  std::vector<std::string> names;
  std::string cases;
  for (const Command* command : commands()) {
    names.emplace_back(command->name);
    cases += fmt::format("{})\n{};;\n", command->name, completion_body(command->options()));
  }
  return completion_script(
      "neumf", fmt::format(R"(  if ((COMP_CWORD == 1)) && [[ $current != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '{}' -- "$current")
    return
  fi
  case ${{COMP_WORDS[1]}} in
{}*)
{};;
  esac
)",
                           joined(names, " "), cases, completion_body(find_command("train").options())));
}

}  // namespace neumf::program
