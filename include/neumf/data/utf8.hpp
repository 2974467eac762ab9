// Text of any source as UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace neumf {

bool is_utf8(std::string_view text);

// Text that is not valid UTF-8 is taken for ISO 8859-1 (Latin-1), as MovieLens and Book-Crossing have it.
std::string to_utf8(std::string_view text);

}  // namespace neumf
