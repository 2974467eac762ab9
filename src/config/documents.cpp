#include "neumf/config/documents.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "neumf/core/error.hpp"

namespace neumf {
namespace {

// "-k, --topk arg (=10)"
std::string option_name(const OptionText& option) {
  std::string name = "--" + option.name;
  if (option.letter != 0) name = fmt::format("-{}, {}", option.letter, name);
  if (option.value.empty()) return name;
  return name + (option.implied.empty() ? " " + option.value : fmt::format("[={}]", option.value));
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path);
  file << text;
  file.close();
  require(file.good(), "{}: cannot write this file", path.string());
}

}  // namespace

std::string manual_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

std::string manual_paragraphs(const std::string& text) {
  std::istringstream lines(text);
  std::string out = ".PP\n";
  bool example = false;
  for (std::string line; std::getline(lines, line);) {
    const bool indented = line.starts_with(' ');
    if (indented != example) out += indented ? ".PP\n.nf\n" : ".fi\n";
    example = indented;
    out += line.empty() ? ".PP\n" : manual_text(line) + '\n';
  }
  return out + (example ? ".fi\n" : "");
}

std::string manual_options(const OptionTexts& options) {
  std::string out;
  for (const auto& option : options)
    out += fmt::format(".TP\n.B {}\n{}\n", manual_text(option_name(option)), manual_text(option.help));
  return out;
}

std::string completion_body(const OptionTexts& options) {
  std::vector<std::string> names;
  std::string cases;
  for (const auto& option : options) {
    names.push_back("--" + option.name);
    if (!option.names.empty())
      cases += fmt::format("    __{}) values='{}' ;;\n", option.name, joined(option.names, " "));
  }
  return fmt::format("  options='{}'\n  case $previous in\n{}    *) ;;\n  esac\n", joined(names, " "), cases);
}

std::string completion_script(const std::string& program, const std::string& body) {
  std::string function = "_" + program;
  std::replace(function.begin(), function.end(), '-', '_');
  return fmt::format(R"(# bash completion for {0}, generated from its help
{1}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} options='' values=''
  COMPREPLY=()
  # --name=value is three words.
  if [[ $current == = ]]; then
    current=''
  elif [[ $previous == = ]]; then
    previous=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  previous=${{previous//-/_}}
{2}  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [[ -n $values ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
  fi
}}
complete -o default -F {1} {0}
)",
                     program, function, body);
}

void write_documents(const std::filesystem::path& directory, const std::string& program,
                     const std::string& manual_page, const std::string& completion) {
  write(directory / "man/man1" / (program + ".1"), manual_page);
  write(directory / "bash-completion/completions" / program, completion);
}

}  // namespace neumf
