// The k best items of each user: higher scores first, of equal ones the smaller item.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "array.hpp"
#include "traffic.hpp"

namespace neumf::reference {

// By sorting each row. What has no score (minus infinity, not a number) is left out, and empty places hold
// 0xFFFFFFFF. Excluding an item is giving it no score.
inline std::vector<std::uint32_t> top_k(const std::vector<float>& scores, Index items, Index k) {
  std::vector<std::uint32_t> out;
  for (auto row = scores.begin(); row != scores.end(); row += items) {
    std::vector<std::uint32_t> order;
    for (Index j = 0; j < items; ++j)
      if (row[j] > -INFINITY) order.push_back(static_cast<std::uint32_t>(j));
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return row[a] > row[b]; });
    order.resize(static_cast<std::size_t>(k), 0xFFFFFFFFu);
    out.insert(out.end(), order.begin(), order.end());
  }
  return out;
}

// The scores are read; the best so far are read and written, once for each block of the catalogue.
constexpr Traffic top_k_merge_traffic(double users, double block, double k) {
  return {users * (block * 4 + k * 8), users * k * 8};
}

}  // namespace neumf::reference
