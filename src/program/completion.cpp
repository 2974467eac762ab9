// Completion in bash: the name of a command, then its options; values complete as file names.
#include "help.hpp"
#include "neumf/core/error.hpp"

namespace neumf::program {
namespace {

std::string option_names(const Command& command) {
  std::string names;
  const auto described = command.options();
  for (const auto& option : described.options())
    names += fmt::format("{}--{}", names.empty() ? "" : " ", option->long_name());
  return names;
}

}  // namespace

std::string bash_completion() {
  std::string names, cases;
  for (const Command* command : commands()) {
    names += fmt::format("{}{}", names.empty() ? "" : " ", command->name);
    cases += fmt::format("    {}) options='{}' ;;\n", command->name, option_names(*command));
  }
  return fmt::format(R"(# bash completion for neumf, generated from its help
_neumf() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} options
  COMPREPLY=()
  if ((COMP_CWORD == 1)) && [[ $current != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '{}' -- "$current")
    return
  fi
  [[ $current == -* ]] || return
  case ${{COMP_WORDS[1]}} in
{}    *) options='{}' ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
}}
complete -o default -F _neumf neumf
)",
                     names, cases, option_names(find_command("train")));
}

}  // namespace neumf::program
