#include "known_cases.hpp"

#include <algorithm>

namespace neumf {
namespace {

// The model's rows of a user's items, ascending, without those that it does not know.
std::vector<std::uint32_t> known(std::span<const std::uint32_t> items,
                                 const std::vector<std::uint32_t>& rows) {
  std::vector<std::uint32_t> found;
  for (const std::uint32_t item : items)
    if (rows[item] != no_row) found.push_back(rows[item]);
  std::sort(found.begin(), found.end());
  return found;
}

void append(HeldOut& held_out, const std::vector<std::uint32_t>& items) {
  held_out.items.insert(held_out.items.end(), items.begin(), items.end());
  held_out.offsets.push_back(held_out.items.size());
}

}  // namespace

KnownUsers keep_known(Shard& shard, const WeightMatch& match, UnknownCases& unknown) {
  const auto& items = match.items.rows;
  Shard kept;
  kept.offsets.assign(1, 0);
  KnownUsers users;
  for (std::size_t user = 0; user < shard.users.size(); ++user) {
    const std::uint32_t row = match.users.rows[shard.users.first + user];
    const auto tested = known(shard.test.of(user), items);
    if (row == no_row) {
      ++unknown.users;
      continue;
    }
    if (tested.empty() && !shard.test.of(user).empty()) {
      ++unknown.held_out;
      continue;
    }
    users.rows.push_back(row);
    users.dense.push_back(static_cast<std::uint32_t>(shard.users.first + user));
    append(kept.test, tested);
    for (const std::uint32_t stored : shard.test.negatives_of(user)) {
      const std::uint32_t negative = items[stored];
      if (negative == no_row) ++unknown.negatives;
      kept.test.negatives.push_back(negative != no_row ? negative : tested.empty() ? 0 : tested.front());
    }
    if (shard.valid.users() > 0) append(kept.valid, known(shard.valid.of(user), items));
    const auto training = known(shard.training(user), items);
    kept.items.insert(kept.items.end(), training.begin(), training.end());
    kept.offsets.push_back(kept.items.size());
  }
  kept.users = {shard.users.first, shard.users.first + users.rows.size()};
  shard = std::move(kept);
  return users;
}

}  // namespace neumf
