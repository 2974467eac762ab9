// An L2 penalty on the rows that a block reads, f/2 sum over its ids of |table[id]|^2:
//   dtable[id, :] += f table[id, :]   for every id, as often as it occurs
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "array.hpp"
#include "traffic.hpp"

namespace neumf::reference {

inline Result row_penalty(const std::vector<std::uint32_t>& ids, const Array& table, double factor,
                          const Array& gradient) {
  Result out(gradient);
  for (const std::uint32_t id : ids)
    for (Index k = 0; k < table.cols; ++k) out.add(id, k, factor * table(id, k));
  return out.stored(static_cast<Index>(ids.size()) + 1);
}

// A row is read, its gradient read and written.
constexpr Traffic row_penalty_traffic(double ids, double width) {
  return {ids * width * 8, ids * width * 4};
}

}  // namespace neumf::reference
