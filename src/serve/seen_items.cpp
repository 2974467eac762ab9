#include "neumf/serve/seen_items.hpp"

#include <algorithm>

#include "neumf/core/error.hpp"
#include "neumf/data/row_ranges.hpp"

namespace neumf::serve {

SeenItems::SeenItems(const std::filesystem::path& dataset, const IdIndex& catalogue)
    : dataset_(Dataset::open(dataset)),
      users_(dataset_.user_ids()),
      catalogue_(match_ids(dataset_.item_ids(), catalogue)),
      catalogue_size_(catalogue.ids().size()) {
  require(catalogue_.found() > 0,
          "--exclude_seen {}: none of its {} items is in the checkpoint's catalogue (its first is '{}', the "
          "catalogue's '{}'): use a data set of the same items",
          dataset.string(), items(), first_unknown_item(), catalogue.ids().front());
}

ItemLists SeenItems::excluded(std::span<const std::string> users) const {
  std::vector<std::uint32_t> rows, present;
  for (const auto& user : users) {
    rows.push_back(users_.find(user).value_or(no_row));
    if (rows.back() != no_row) present.push_back(rows.back());
  }
  std::vector<Shard> shards;
  for (const UserRange& range : covering_ranges(present, 1024)) shards.push_back(dataset_.load(range));

  ItemLists lists;
  for (const std::uint32_t row : rows) {
    if (row != no_row) {
      // The last shard that begins at or before the user.
      const auto shard = std::prev(
          std::upper_bound(shards.begin(), shards.end(), row,
                           [](std::uint64_t user, const Shard& s) { return user < s.users.first; }));
      const auto at = static_cast<std::size_t>(row - shard->users.first);
      const auto begin = lists.items.size();
      const auto add = [&](std::uint32_t item) {
        if (catalogue_.rows[item] != no_row) lists.items.push_back(catalogue_.rows[item]);
      };
      for (auto i = shard->offsets[at]; i < shard->offsets[at + 1]; ++i) add(shard->items[i]);
      for (const HeldOut* part : {&shard->valid, &shard->test})
        if (part->users() > 0)
          for (const std::uint32_t item : part->of(at)) add(item);
      std::sort(lists.items.begin() + static_cast<std::ptrdiff_t>(begin), lists.items.end());
    }
    lists.offsets.push_back(lists.items.size());
  }
  return lists;
}

std::vector<std::uint64_t> SeenItems::counts() const {
  constexpr std::uint64_t at_once = 65536;
  std::vector<std::uint64_t> counts(catalogue_size_);
  for (std::uint64_t first = 0; first < dataset_.users(); first += at_once) {
    const Shard shard = dataset_.load({first, std::min(first + at_once, dataset_.users())});
    for (const auto* items : {&shard.items, &shard.valid.items, &shard.test.items})
      for (const std::uint32_t item : *items)
        if (catalogue_.rows[item] != no_row) ++counts[catalogue_.rows[item]];
  }
  return counts;
}

}  // namespace neumf::serve
