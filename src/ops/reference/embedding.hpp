// Rows of an embedding table, and the gradients of a table from those of its rows. A row that occurs n times
// receives n gradients.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "array.hpp"
#include "traffic.hpp"

namespace neumf::reference {

// out[i, :] = table[ids[i], :]
inline Array gather(const Array& table, const std::vector<std::uint32_t>& ids) {
  Array out(static_cast<Index>(ids.size()), table.cols);
  for (Index i = 0; i < out.rows; ++i)
    for (Index k = 0; k < out.cols; ++k) out(i, k) = table(ids[static_cast<std::size_t>(i)], k);
  return out;
}

// table[ids[i], :] += values[i, :]
inline Result scatter_add(const Array& table, const std::vector<std::uint32_t>& ids, const Array& values) {
  Result out(table);
  std::vector<Index> hits(static_cast<std::size_t>(table.rows), 1);
  for (Index i = 0; i < values.rows; ++i) {
    const std::uint32_t row = ids[static_cast<std::size_t>(i)];
    ++hits[row];
    for (Index k = 0; k < values.cols; ++k) out.add(row, k, values(i, k));
  }
  return out.stored(*std::max_element(hits.begin(), hits.end()));
}

// For each row its number and its values are read, and its values written.
constexpr Traffic gather_traffic(double rows, double width, double T) {
  return {rows * (4 + width * T), rows * width * T};
}

// For each row its number and its gradient are read; the table's gradients are read and written.
constexpr Traffic scatter_add_traffic(double rows, double width, double T) {
  return {rows * (4 + width * (T + 4)), rows * width * 4};
}

// For each row its number is read, and its place in the order written.
constexpr Traffic plan_scatter_traffic(double rows) {
  return {rows * 4, rows * 4};
}

}  // namespace neumf::reference
