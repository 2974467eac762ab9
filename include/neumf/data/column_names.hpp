// What public data sets call their columns: one list for everything that reads tables with a header.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace neumf::columns {

enum class Role { user, item, time, rating };

// Letters and digits only, in lower case, without the type that RecBole adds: "User-ID" and "user_id:token"
// are "userid".
std::string normalised(std::string_view name);

// Known names, normalised, the most certain first: of two in a header the earlier is meant.
std::span<const std::string_view> known_names(Role role);

// The place of a column's name in known_names(role), or nothing if it is not known.
std::optional<std::size_t> rank(Role role, std::string_view name);

// "user", "item", "time", "rating".
std::string_view to_string(Role role);

}  // namespace neumf::columns
