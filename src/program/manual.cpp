// The manual page, in the macros of man(7).
#include <sstream>

#include "help.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/version.hpp"

namespace neumf::program {
namespace {

// Text that the formatter must not take for commands.
std::string escaped(const std::string& text) {
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

// Paragraphs; indented lines are shown as they are.
std::string paragraphs(const std::string& text) {
  std::istringstream lines(text);
  std::string out = ".PP\n";
  bool example = false;
  for (std::string line; std::getline(lines, line);) {
    const bool indented = line.starts_with(' ');
    if (indented != example) out += indented ? ".PP\n.nf\n" : ".fi\n";
    example = indented;
    out += line.empty() ? ".PP\n" : escaped(line) + '\n';
  }
  return out + (example ? ".fi\n" : "");
}

// "-k, --topk arg (=10)"
std::string option_name(const OptionText& option) {
  std::string name =
      option.letter == 0 ? "--" + option.name : fmt::format("-{}, --{}", option.letter, option.name);
  if (option.value.empty()) return name;
  return name + (option.implied.empty() ? " " + option.value : fmt::format("[={}]", option.value));
}

std::string options_list(const Command& command) {
  std::string out;
  for (const auto& option : command.options())
    out += fmt::format(".TP\n.B {}\n{}\n", escaped(option_name(option)), escaped(option.help));
  return out;
}

}  // namespace

std::string manual_page() {
  std::string page = fmt::format(
      ".TH NEUMF 1 \"\" \"neumf {}\" \"User Commands\"\n.SH NAME\n"
      "neumf \\- train, evaluate and serve Neural Collaborative Filtering\n.SH SYNOPSIS\n",
      version());
  for (const Command* command : commands())
    page += fmt::format(".B neumf {}\n{}\n.br\n", command->name, escaped(command->synopsis));
  page += ".B neumf\n\\-\\-data DIR [\\-\\-mode train|test] [options]\n.SH DESCRIPTION\n";
  page += paragraphs(
      "Every command can be started on several ranks with mpirun. Dashes and underscores are interchangeable "
      "in "
      "the names of options, and the last of a repeated option counts.");
  page += ".SH COMMANDS\n";
  for (const Command* command : commands()) {
    page += fmt::format(".SS neumf {}\n{}.\n{}", command->name, escaped(command->summary),
                        paragraphs(command->description));
    // Training and testing share their options.
    page += std::string(command->name) == "test" ? "Options: those of train.\n" : options_list(*command);
  }
  page +=
      ".SH EXIT STATUS\n0 on success, and nonzero on every rank after an error, which rank 0 reports once.\n"
      ".SH SEE ALSO\n.BR neumf\\-preprocess ,\n.BR mpirun (1)\n";
  return page;
}

}  // namespace neumf::program
