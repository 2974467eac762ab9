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
    shard.test.items.push_back(draw(items));
    shard.test.offsets.push_back(shard.test.items.size());
    for (std::uint32_t k = 0; k < negatives; ++k) shard.test.negatives.push_back(draw(items));
  }
  return shard;
}

// The same with 0 to `most` held-out items of each user in test and in validation, none of which is in
// training or in the other.
inline Shard ragged_toy_data(std::uint32_t users, std::uint32_t items, std::uint32_t mean,
                             std::uint32_t negatives, std::uint32_t most) {
  Shard shard = toy_data(users, items, mean, negatives);
  const Philox philox(9, RandomStream::synthetic);
  std::uint64_t counter = 0;
  const auto draw = [&](std::uint32_t n) { return bounded(philox(counter++).v[0], n); };
  shard.test = shard.valid = {};
  for (std::uint32_t user = 0; user < users; ++user) {
    const auto training = shard.training(user);
    std::set<std::uint32_t> taken(training.begin(), training.end());
    for (HeldOut* part : {&shard.test, &shard.valid}) {
      std::set<std::uint32_t> own;
      for (std::uint32_t left = draw(most + 1); left > 0 && taken.size() < items; --left) {
        std::uint32_t item = draw(items);
        while (!taken.insert(item).second) item = (item + 1) % items;
        own.insert(item);
      }
      part->items.insert(part->items.end(), own.begin(), own.end());
      part->offsets.push_back(part->items.size());
      for (std::uint32_t k = 0; k < negatives; ++k) part->negatives.push_back(draw(items));
    }
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
  for (auto u = part.users.first; u <= part.users.last; ++u)
    part.offsets.push_back(whole.offsets[u] - part.first_positive);
  const auto cut = [](const std::vector<std::uint32_t>& v, std::uint64_t first, std::uint64_t last) {
    return std::vector<std::uint32_t>(v.begin() + static_cast<std::ptrdiff_t>(first),
                                      v.begin() + static_cast<std::ptrdiff_t>(last));
  };
  part.items = cut(whole.items, part.first_positive, whole.offsets[part.users.last]);
  const auto cut_held_out = [&](const HeldOut& all) {
    HeldOut own;
    if (all.users() == 0) return own;
    const auto first = all.offsets[part.users.first], negatives = all.negatives.size() / all.users();
    for (auto u = part.users.first; u < part.users.last; ++u)
      own.offsets.push_back(all.offsets[u + 1] - first);
    own.items = cut(all.items, first, all.offsets[part.users.last]);
    own.negatives = cut(all.negatives, part.users.first * negatives, part.users.last * negatives);
    return own;
  };
  part.test = cut_held_out(whole.test);
  part.valid = cut_held_out(whole.valid);
  return part;
}

}  // namespace neumf::test
