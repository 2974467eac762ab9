#include "known_cases.hpp"

#include <algorithm>

namespace neumf {

std::vector<std::uint32_t> keep_known(Shard& shard, const WeightMatch& match, UnknownCases& unknown) {
  const auto& items = match.items.rows;
  const std::size_t negatives =
      shard.users.size() == 0 ? 0 : shard.test_negatives.size() / shard.users.size();
  Shard kept;
  kept.offsets.assign(1, 0);
  std::vector<std::uint32_t> rows;
  for (std::size_t user = 0; user < shard.users.size(); ++user) {
    const std::uint32_t row = match.users.rows[shard.users.first + user];
    const std::uint32_t held_out = items[shard.test_items[user]];
    if (row == no_row) {
      ++unknown.users;
      continue;
    }
    if (held_out == no_row) {
      ++unknown.held_out;
      continue;
    }
    rows.push_back(row);
    kept.test_items.push_back(held_out);
    for (std::size_t i = 0; i < negatives; ++i) {
      const std::uint32_t negative = items[shard.test_negatives[user * negatives + i]];
      if (negative == no_row) ++unknown.negatives;
      kept.test_negatives.push_back(negative == no_row ? held_out : negative);
    }
    for (auto i = shard.offsets[user]; i < shard.offsets[user + 1]; ++i)
      if (const std::uint32_t item = items[shard.items[i]]; item != no_row) kept.items.push_back(item);
    std::sort(kept.items.begin() + static_cast<std::ptrdiff_t>(kept.offsets.back()), kept.items.end());
    kept.offsets.push_back(kept.items.size());
  }
  kept.users = {shard.users.first, shard.users.first + rows.size()};
  shard = std::move(kept);
  return rows;
}

}  // namespace neumf
