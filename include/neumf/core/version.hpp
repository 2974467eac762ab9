// What this build is.
#pragma once

#include <string>

namespace neumf {

// "0.1.0"
const char* version();
// Several lines: the version, the libraries and whether GPUs are supported.
std::string version_text();

}  // namespace neumf
