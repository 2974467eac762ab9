// What a person reads about neumf-preprocess: all from the same text.
#pragma once

#include <string>

#include "neumf/config/option_table.hpp"

namespace neumf::preprocess {

// What there is to say of each option (options.cpp). --help: print_help in options.hpp.
OptionTexts option_texts();
// The manual page neumf-preprocess(1), for man.
std::string manual_page();
// A script that completes options and their values in bash.
std::string bash_completion();

}  // namespace neumf::preprocess
