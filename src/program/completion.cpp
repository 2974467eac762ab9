// Completion in bash: the name of a command, then its options; values complete as the names that the option
// has, otherwise as file names.
#include "help.hpp"
#include "neumf/core/error.hpp"

namespace neumf::program {
namespace {

// The lines that set `options` and, where the word before is an option with named values, `values`. Dashes of
// that word have become underscores.
std::string words_of(const OptionTexts& options) {
  std::vector<std::string> names;
  std::string cases;
  for (const auto& option : options) {
    names.push_back("--" + option.name);
    if (!option.names.empty())
      cases += fmt::format("        __{}) values='{}' ;;\n", option.name, joined(option.names, " "));
  }
  return fmt::format("      options='{}'\n      case $previous in\n{}        *) ;;\n      esac\n",
                     joined(names, " "), cases);
}

}  // namespace

std::string bash_completion() {
  std::vector<std::string> names;
  std::string cases;
  for (const Command* command : commands()) {
    names.emplace_back(command->name);
    cases += fmt::format("    {})\n{}      ;;\n", command->name, words_of(command->options()));
  }
  return fmt::format(R"(# bash completion for neumf, generated from its help
_neumf() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} options='' values=''
  COMPREPLY=()
  if ((COMP_CWORD == 1)) && [[ $current != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '{}' -- "$current")
    return
  fi
  # --name=value is three words.
  if [[ $current == = ]]; then
    current=''
  elif [[ $previous == = ]]; then
    previous=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  previous=${{previous//-/_}}
  case ${{COMP_WORDS[1]}} in
{}    *)
{}      ;;
  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [[ -n $values ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
  fi
}}
complete -o default -F _neumf neumf
)",
                     joined(names, " "), cases, words_of(find_command("train").options()));
}

}  // namespace neumf::program
