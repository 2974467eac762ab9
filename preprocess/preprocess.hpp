// The whole run: options in, data set out.
#pragma once

#include <string>

#include "options.hpp"
#include "split.hpp"

namespace neumf::preprocess {

// "neumf-preprocess 0.1.0"
std::string program_version();

// Returns what to tell the user at the end, in several lines.
std::string preprocess(const Options& options);

}  // namespace neumf::preprocess
