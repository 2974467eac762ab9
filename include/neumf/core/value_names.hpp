// The names of an enumeration's values, as options, files and messages spell them: one table, beside the
// enumeration and in its namespace.
//
//   enum class Mode { train, test };
//   constexpr auto value_names(Mode) {
//     return std::to_array<NamedValue<Mode>>({{"train", Mode::train}, {"test", Mode::test}});
//   }
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace neumf {

template <class Enum>
struct NamedValue {
  const char* name;
  Enum value;
};

template <class Enum>
concept Named = requires(Enum value) {
  value_names(value);
};

template <Named Enum>
constexpr const char* name_of(Enum wanted) {
  for (const auto& [name, value] : value_names(wanted))
    if (value == wanted) return name;
  return "?";  // no value of the enumeration
}

// Nothing if no value has this name.
template <Named Enum>
constexpr std::optional<Enum> value_of(std::string_view wanted) {
  for (const auto& [name, value] : value_names(Enum{}))
    if (name == wanted) return value;
  return std::nullopt;
}

}  // namespace neumf
