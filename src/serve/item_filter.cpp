#include "neumf/serve/item_filter.hpp"

#include <algorithm>
#include <iterator>

#include "neumf/core/error.hpp"
#include "neumf/serve/requests.hpp"

namespace neumf::serve {

ListedItems::ListedItems(Meaning meaning, const std::string& text, const std::string& name,
                         const IdIndex& catalogue)
    : meaning_(meaning), listed_(catalogue.ids().size()) {
  const auto list = read_items(text, catalogue);
  unknown_ = list.unknown;
  first_unknown_ = list.first_unknown;
  require(list.ids.size() > unknown_,
          "{}: none of its {} ids is an item of the model{} (the catalogue's first is '{}')", name,
          list.ids.size(), unknown_ == 0 ? "" : ", beginning with " + first_unknown_,
          catalogue.ids().front());
  for (const std::uint32_t row : list.rows)
    if (row != no_row) listed_[row] = true;
}

bool AllFilters::allows(std::uint32_t item) const {
  return std::all_of(filters_.begin(), filters_.end(),
                     [&](const auto& filter) { return filter->allows(item); });
}

ItemLists AllFilters::excluded(std::span<const std::string> users) const {
  ItemLists all{std::vector<std::uint64_t>(users.size() + 1, 0), {}};
  for (const auto& filter : filters_) {
    const ItemLists some = filter->excluded(users);
    if (some.items.empty()) continue;
    ItemLists joined;
    for (std::size_t user = 0; user < users.size(); ++user) {
      std::ranges::set_union(all.of(user), some.of(user), std::back_inserter(joined.items));
      joined.offsets.push_back(joined.items.size());
    }
    all = std::move(joined);
  }
  return all;
}

}  // namespace neumf::serve
