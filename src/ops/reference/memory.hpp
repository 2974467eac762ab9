// Initial values: for element (row, col) of a tensor, from 32 random bits each that depend on its place alone
// (random/philox.hpp), as u in (0, 1).
//   uniform: limit (2 u - 1)
//   normal:  stddev sqrt(-2 log u) cos(2 pi u'), and with the sine for the next column (Box and Muller, "A
//   Note on
//            the Generation of Random Normal Deviates", 1958)
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "array.hpp"
#include "neumf/ops/memory.hpp"
#include "neumf/random/philox.hpp"
#include "traffic.hpp"

namespace neumf::reference {

inline double unit_at(const ops::InitSpec& spec, Index row, Index col) {
  const Philox philox(spec.seed, RandomStream::initialisation, spec.tensor);
  const auto block =
      philox(spec.first_row + static_cast<std::uint64_t>(row), static_cast<std::uint32_t>(col / 4));
  return open_unit(block.v[static_cast<std::size_t>(col % 4)]);
}

inline double uniform_at(const ops::InitSpec& spec, double limit, Index row, Index col) {
  return limit * (2 * unit_at(spec, row, col) - 1);
}

inline double normal_at(const ops::InitSpec& spec, double stddev, Index row, Index col) {
  const Index first = col - col % 2;
  const double radius = stddev * std::sqrt(-2 * std::log(unit_at(spec, row, first)));
  const double angle = 2 * std::numbers::pi * unit_at(spec, row, first + 1);
  return radius * (col % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

// `convert`, which makes half-precision copies. `T`: their size.
constexpr Traffic convert_traffic(double elements, double T) {
  return {elements * 4, elements * T};
}

}  // namespace neumf::reference
