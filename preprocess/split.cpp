#include "split.hpp"

#include <algorithm>

#include "item_sorter.hpp"

namespace neumf::preprocess {
namespace {

// Copies the items of each user from `first(user)` on, sorted; `offsets` are those of `out`.
template <class First>
void copy_sorted(const std::vector<std::uint64_t>& offsets, std::vector<std::uint32_t>& out,
                 std::uint32_t items, int team, const First& first) {
  out.resize(offsets.back());
  const std::size_t users = offsets.size() - 1;
  ItemSorter sorter(items);
#pragma omp parallel for num_threads(team) schedule(dynamic, 64) firstprivate(sorter)
  for (std::size_t user = 0; user < users; ++user) {
    auto* to = out.data() + offsets[user];
    const auto count = offsets[user + 1] - offsets[user];
    std::copy_n(first(user), count, to);
    sorter.sort({to, count});
  }
}

}  // namespace

bool Split::one_test_item_each() const {
  if (has_validation()) return false;
  for (std::size_t user = 0; user < users(); ++user)
    if (test.of(user).size() != 1) return false;
  return true;
}

bool has_several(const HeldOut& held_out) {
  for (std::size_t user = 0; user < held_out.users(); ++user)
    if (held_out.of(user).size() > 1) return true;
  return false;
}

Split split_histories(Histories histories, std::size_t threads) {
  const int team = static_cast<int>(threads);
  const std::size_t users = histories.users();
  Split split;
  split.counts.resize(users);
  split.offsets.resize(users + 1);
  split.test.offsets.resize(users + 1);
  split.valid.offsets.resize(users + 1);
  for (std::size_t user = 0; user < users; ++user) {
    const auto [validation, test] = histories.held_out[user];
    const std::uint64_t count = histories.training(user).size();
    split.counts[user] = static_cast<std::uint32_t>(count);
    split.offsets[user + 1] = split.offsets[user] + count;
    split.valid.offsets[user + 1] = split.valid.offsets[user] + validation;
    split.test.offsets[user + 1] = split.test.offsets[user] + test;
  }
  const auto first = [&](std::size_t user) { return histories.items.data() + histories.offsets[user]; };
  const auto end = [&](std::size_t user) { return histories.items.data() + histories.offsets[user + 1]; };
  const std::uint32_t items = histories.item_count();
  copy_sorted(split.offsets, split.train_items, items, team, first);
  copy_sorted(split.valid.offsets, split.valid.items, items, team,
              [&](std::size_t user) { return first(user) + split.counts[user]; });
  copy_sorted(split.test.offsets, split.test.items, items, team,
              [&](std::size_t user) { return end(user) - histories.held_out[user].test; });
  if (split.valid.items.empty()) split.valid = {};
  split.user_ids = std::move(histories.user_ids);
  split.item_ids = std::move(histories.item_ids);
  split.interactions = histories.interactions;
  split.dropped_users = histories.dropped_users;
  split.dropped_items = histories.dropped_items;
  split.dropped_interactions = histories.dropped_interactions;
  split.duplicates = histories.duplicates;
  split.untrained_users = histories.untrained_users;
  split.untrained_items = histories.untrained_items;
  split.untrained_interactions = histories.untrained_interactions;
  split.cuts = histories.cuts;
  return split;
}

}  // namespace neumf::preprocess
