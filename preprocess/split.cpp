#include "split.hpp"

#include <algorithm>
#include <numeric>

#include "item_sorter.hpp"

namespace neumf::preprocess {

Split leave_one_out(Histories histories, std::size_t threads) {
  const int team = static_cast<int>(threads);
  const std::size_t users = histories.users();
  Split split;
  split.counts.resize(users);
  split.offsets.resize(users + 1);
  for (std::size_t user = 0; user < users; ++user) {
    const std::uint64_t count = histories.offsets[user + 1] - histories.offsets[user] - 1;
    split.counts[user] = static_cast<std::uint32_t>(count);
    split.offsets[user + 1] = split.offsets[user] + count;
  }
  split.test_items.resize(users);
  split.train_items.resize(split.offsets.back());
  ItemSorter sorter(histories.item_count());
#pragma omp parallel for num_threads(team) schedule(dynamic, 64) firstprivate(sorter)
  for (std::size_t user = 0; user < users; ++user) {
    const auto* first = histories.items.data() + histories.offsets[user];
    auto* out = split.train_items.data() + split.offsets[user];
    std::copy_n(first, split.counts[user], out);
    sorter.sort({out, split.counts[user]});
    split.test_items[user] = first[split.counts[user]];
  }
  split.user_ids = std::move(histories.user_ids);
  split.item_ids = std::move(histories.item_ids);
  split.interactions = histories.interactions;
  split.dropped_users = histories.dropped_users;
  split.dropped_items = histories.dropped_items;
  split.dropped_interactions = histories.dropped_interactions;
  split.duplicates = histories.duplicates;
  return split;
}

}  // namespace neumf::preprocess
