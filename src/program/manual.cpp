// The manual page, in the macros of man(7).
#include <algorithm>
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

// "-k [ --topk ] arg (=10)" as "-k, --topk arg (=10)".
std::string option_name(const boost::program_options::option_description& option) {
  std::string name = option.format_name();
  if (const auto bracket = name.find(" [ "); bracket != std::string::npos)
    name = name.substr(0, bracket) + ", " + name.substr(bracket + 3, name.size() - bracket - 5);
  const std::string parameter = option.format_parameter();
  return parameter.empty() ? name : name + ' ' + parameter;
}

std::string options_list(const Command& command) {
  std::string out;
  const auto described = command.options();
  for (const auto& option : described.options())
    out += fmt::format(".TP\n.B {}\n{}\n", escaped(option_name(*option)), escaped(option->description()));
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
