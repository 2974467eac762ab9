// What is written about a program's options beside --help: pieces of a manual page, in the macros of man(7),
// and a script for completion in bash.
#pragma once

#include <filesystem>
#include <string>

#include "neumf/config/option_table.hpp"

namespace neumf {

// Text that the formatter of manual pages must not take for commands.
std::string manual_text(const std::string& text);
// The same of paragraphs, separated by empty lines; indented lines are shown as they are.
std::string manual_paragraphs(const std::string& text);
// Each option with its help.
std::string manual_options(const OptionTexts& options);

// A bash script that completes the words of `program`. `body` is bash that sets `options` to the names of
// options and `values` to what the word before, $previous (its dashes as underscores), can have as value; it
// may also set COMPREPLY and return. Where there are no values, names of files complete.
std::string completion_script(const std::string& program, const std::string& body);
// A body, or a part of one, for these options.
std::string completion_body(const OptionTexts& options);

// Writes man/man1/PROGRAM.1 and bash-completion/completions/PROGRAM below `directory`, as they lie under
// share/.
void write_documents(const std::filesystem::path& directory, const std::string& program,
                     const std::string& manual_page, const std::string& completion);

}  // namespace neumf
