// The manual page, in the macros of man(7).
#include "help.hpp"
#include "neumf/config/documents.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/version.hpp"

namespace neumf::program {

std::string manual_page() {
  std::string page = fmt::format(
      ".TH NEUMF 1 \"\" \"neumf {}\" \"User Commands\"\n.SH NAME\n"
      "neumf \\- train, evaluate and serve Neural Collaborative Filtering\n.SH SYNOPSIS\n",
      version());
  for (const Command* command : commands())
    page += fmt::format(".B neumf {}\n{}\n.br\n", command->name, manual_text(command->synopsis));
  page += ".B neumf\n\\-\\-data DIR [\\-\\-mode train|test] [options]\n.SH DESCRIPTION\n";
  page += manual_paragraphs(
      "Every command can be started on several ranks with mpirun. Dashes and underscores are interchangeable "
      "in "
      "the names of options, and the last of a repeated option counts.");
  page += ".SH COMMANDS\n";
  for (const Command* command : commands()) {
    page += fmt::format(".SS neumf {}\n{}.\n{}", command->name, manual_text(command->summary),
                        manual_paragraphs(command->description));
    // Training and testing share their options.
    page += std::string(command->name) == "test" ? "Options: those of train.\n"
                                                 : manual_options(command->options());
  }
  page +=
      ".SH EXIT STATUS\n0 on success, and nonzero on every rank after an error, which rank 0 reports once.\n"
      ".SH SEE ALSO\n.BR neumf\\-preprocess ,\n.BR mpirun (1)\n";
  return page;
}

}  // namespace neumf::program
