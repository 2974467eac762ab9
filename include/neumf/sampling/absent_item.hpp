// Items that a user does not have, by their number among those.
#pragma once

#include <cstdint>

#include "neumf/core/device.hpp"

namespace neumf {

// The item of rank `rank` (from 0) among those that are not in the strictly ascending items[0 .. count).
// Below items[i] lie items[i] - i absent ones, so it is `rank` and one for each i with items[i] - i <= rank:
// found by halving, in as many steps whatever the rank, with nothing to try again however many items there
// are.
NEUMF_HD inline std::uint32_t absent_item(const std::uint32_t* items, std::uint32_t count,
                                          std::uint32_t rank) {
  std::uint32_t low = 0;
  for (std::uint32_t rest = count; rest > 0;) {
    const std::uint32_t half = rest - rest / 2, middle = low + half - 1;
    low = items[middle] - middle <= rank ? low + half : low;
    rest -= half;
  }
  return rank + low;
}

}  // namespace neumf
