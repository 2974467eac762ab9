// A small data set in memory, and the part of it that a rank owns.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "neumf/data/dataset.hpp"
#include "neumf/data/layout.hpp"
#include "neumf/random/philox.hpp"

namespace neumf::test {

// Users with 1 to 2 * mean - 1 training items, one held-out item and `negatives` test negatives that may
// repeat.
inline Shard toy_data(std::uint32_t users, std::uint32_t items, std::uint32_t mean, std::uint32_t negatives,
                      std::uint64_t seed = 7) {
  const Philox philox(seed, RandomStream::synthetic);
  std::uint64_t counter = 0;
  const auto draw = [&](std::uint32_t n) { return bounded(philox(counter++).v[0], n); };
  Shard shard;
  shard.users = {0, users};
  shard.offsets = {0};
  for (std::uint32_t user = 0; user < users; ++user) {
    std::set<std::uint32_t> owned;
    const std::uint32_t count = 1 + draw(2 * mean - 1);
    while (owned.size() < std::min(count, items - 2)) owned.insert(draw(items));
    shard.items.insert(shard.items.end(), owned.begin(), owned.end());
    shard.offsets.push_back(shard.items.size());
    shard.test_items.push_back(draw(items));
    for (std::uint32_t k = 0; k < negatives; ++k) shard.test_negatives.push_back(draw(items));
  }
  return shard;
}

// What rank `rank` of `ranks` owns of the whole data set.
inline Shard part_of(const Shard& whole, int rank, int ranks) {
  std::vector<std::uint32_t> counts;
  for (std::size_t u = 0; u + 1 < whole.offsets.size(); ++u)
    counts.push_back(static_cast<std::uint32_t>(whole.offsets[u + 1] - whole.offsets[u]));
  const auto bounds = layout::balanced_user_ranges(counts, static_cast<std::size_t>(ranks));
  Shard part;
  part.users = {bounds[static_cast<std::size_t>(rank)], bounds[static_cast<std::size_t>(rank) + 1]};
  part.first_positive = whole.offsets[part.users.first];
  const auto negatives = whole.test_negatives.size() / whole.test_items.size();
  for (auto u = part.users.first; u <= part.users.last; ++u)
    part.offsets.push_back(whole.offsets[u] - part.first_positive);
  const auto cut = [](const std::vector<std::uint32_t>& v, std::uint64_t first, std::uint64_t last) {
    return std::vector<std::uint32_t>(v.begin() + static_cast<std::ptrdiff_t>(first),
                                      v.begin() + static_cast<std::ptrdiff_t>(last));
  };
  part.items = cut(whole.items, part.first_positive, whole.offsets[part.users.last]);
  part.test_items = cut(whole.test_items, part.users.first, part.users.last);
  part.test_negatives = cut(whole.test_negatives, part.users.first * negatives, part.users.last * negatives);
  return part;
}

}  // namespace neumf::test
