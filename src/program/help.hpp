// What a person reads about the commands: all from the same text.
#pragma once

#include <string>

#include "command.hpp"

namespace neumf::program {

// neumf COMMAND --help
std::string help_text(const Command& command);
// neumf --help
std::string overview();
// The manual page neumf(1), for man.
std::string manual_page();
// A script that completes commands and options in bash.
std::string bash_completion();

}  // namespace neumf::program
