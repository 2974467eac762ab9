#include "neumf/serve/seen_items.hpp"

#include <algorithm>

#include "neumf/core/error.hpp"
#include "neumf/serve/served_model.hpp"

namespace neumf::serve {

SeenItems::SeenItems(const std::filesystem::path& dataset, const IdIndex& catalogue)
    : dataset_(Dataset::open(dataset)), users_(dataset_.user_ids()) {
  const auto ids = dataset_.item_ids();
  std::size_t missing = 0;
  std::string example;
  for (const auto& id : ids) {
    const auto row = catalogue.find(id);
    if (!row && missing++ == 0) example = id;
    catalogue_row_.push_back(row.value_or(0));
  }
  require(missing == 0,
          "--exclude_seen {}: {} of its {} items are not in the checkpoint's catalogue (for example '{}'): "
          "use the "
          "data set that the model was trained on, or train on this one",
          dataset.string(), missing, ids.size(), example);
}

ItemLists SeenItems::of(std::span<const std::string> users) const {
  constexpr std::uint32_t absent = 0xFFFFFFFFu;
  std::vector<std::uint32_t> rows, present;
  for (const auto& user : users) {
    rows.push_back(users_.find(user).value_or(absent));
    if (rows.back() != absent) present.push_back(rows.back());
  }
  std::vector<Shard> shards;
  for (const UserRange& range : covering_ranges(present, 1024)) shards.push_back(dataset_.load(range));

  ItemLists lists;
  for (const std::uint32_t row : rows) {
    if (row != absent) {
      // The last shard that begins at or before the user.
      const auto shard = std::prev(
          std::upper_bound(shards.begin(), shards.end(), row,
                           [](std::uint64_t user, const Shard& s) { return user < s.users.first; }));
      const auto at = static_cast<std::size_t>(row - shard->users.first);
      const auto begin = lists.items.size();
      for (auto i = shard->offsets[at]; i < shard->offsets[at + 1]; ++i)
        lists.items.push_back(catalogue_row_[shard->items[i]]);
      lists.items.push_back(catalogue_row_[shard->test_items[at]]);
      std::sort(lists.items.begin() + static_cast<std::ptrdiff_t>(begin), lists.items.end());
    }
    lists.offsets.push_back(lists.items.size());
  }
  return lists;
}

std::vector<std::uint64_t> SeenItems::counts() const {
  constexpr std::uint64_t at_once = 65536;
  std::vector<std::uint64_t> counts(*std::max_element(catalogue_row_.begin(), catalogue_row_.end()) +
                                    std::size_t{1});
  for (std::uint64_t first = 0; first < dataset_.users(); first += at_once) {
    const Shard shard = dataset_.load({first, std::min(first + at_once, dataset_.users())});
    for (const auto* items : {&shard.items, &shard.test_items})
      for (const std::uint32_t item : *items) ++counts[catalogue_row_[item]];
  }
  return counts;
}

}  // namespace neumf::serve
