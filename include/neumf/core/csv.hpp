// Writing CSV (RFC 4180).
#pragma once

#include <string>
#include <string_view>

namespace neumf {

// A field between commas: quoted where it must be.
std::string csv_field(std::string_view text);

}  // namespace neumf
