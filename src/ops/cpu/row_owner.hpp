// Which thread adds to a row of a table: no atomics, and sums that do not depend on timing.
#pragma once

#include <cstdint>

namespace neumf::cpu {

// By a hash (Knuth, TAOCP vol. 3, 6.4) and a multiplication, since a remainder is slow. Often used rows tend
// to be neighbours, and are shared evenly because blocks of rows that follow each other go to different
// threads. A block has 16 rows: whole cache lines, whatever is kept per row.
inline std::uint32_t owner(std::uint32_t row, std::uint32_t threads) {
  return (((row / 16) * 0x9E3779B1u >> 16) * threads) >> 16;
}

// Calls use(positions, n) with those positions i in [0, count) that are wanted(i), ascending, in pieces of at
// most 512. To write every position and keep some is faster than a branch that nobody can foresee.
template <class Wanted, class Use>
void for_wanted(std::int64_t count, const Wanted& wanted, const Use& use) {
  constexpr std::int64_t piece = 512;
  std::uint32_t positions[piece];
  for (std::int64_t first = 0; first < count; first += piece) {
    const std::int64_t last = first + piece < count ? first + piece : count;
    std::int64_t n = 0;
    for (std::int64_t i = first; i < last; ++i) {
      positions[n] = static_cast<std::uint32_t>(i);
      n += wanted(i);
    }
    use(positions, n);
  }
}

}  // namespace neumf::cpu
