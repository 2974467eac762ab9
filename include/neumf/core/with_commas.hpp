// Large numbers as people read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace neumf {

// 1234567 -> "1,234,567"
inline std::string with_commas(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), 1, ',');
  return text;
}

}  // namespace neumf
