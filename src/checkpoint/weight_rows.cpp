#include "neumf/checkpoint/weight_rows.hpp"

#include <numeric>

#include "neumf/checkpoint/keras_weights.hpp"
#include "neumf/checkpoint/reader.hpp"
#include "neumf/core/error.hpp"

namespace neumf {

WeightRows WeightRows::in_order(const UserRange& range, std::uint64_t items) {
  WeightRows rows{std::vector<std::uint32_t>(range.size()), std::vector<std::uint32_t>(items)};
  std::iota(rows.users.begin(), rows.users.end(), static_cast<std::uint32_t>(range.first));
  std::iota(rows.items.begin(), rows.items.end(), 0u);
  return rows;
}

WeightRows WeightRows::of(const ItemShare& share) const {
  return {users, {items.begin() + share.first, items.begin() + share.last}};
}

WeightRows WeightMatch::rows(const UserRange& range) const {
  const auto begin = users.rows.begin();
  return {{begin + static_cast<std::ptrdiff_t>(range.first), begin + static_cast<std::ptrdiff_t>(range.last)},
          items.rows};
}

std::string WeightMatch::description() const {
  if (by_position) return "it has no ids: its rows are taken for the data set's by position";
  return fmt::format("{} of the data set's {} users and {} of its {} items are among its {} and {}",
                     users.found(), users.rows.size(), items.found(), items.rows.size(), users_there,
                     items_there);
}

WeightMatch match_weights(const std::filesystem::path& weights, const Dataset& dataset) {
  WeightMatch match;
  if (is_keras_weights(weights)) {
    const auto shape = read_keras_shape(weights);
    match.by_position = true;
    match.users_there = static_cast<std::uint64_t>(shape.users);
    match.items_there = static_cast<std::uint64_t>(shape.items);
    require(match.users_there == dataset.users() && match.items_there == dataset.items(),
            "{}: the model has {} users and {} items and no ids, but the data set {} has {} and {}: use the "
            "data set that it was trained on",
            weights.string(), shape.users, shape.items, dataset.directory().string(), dataset.users(),
            dataset.items());
    match.users = match_positions(dataset.users());
    match.items = match_positions(dataset.items());
    return match;
  }
  const CheckpointReader reader(weights);
  const IdIndex users(reader.user_ids()), items(reader.item_ids());
  match.users_there = users.ids().size();
  match.items_there = items.ids().size();
  const auto user_ids = dataset.user_ids(), item_ids = dataset.item_ids();
  match.users = match_ids(user_ids, users);
  match.items = match_ids(item_ids, items);
  require(
      match.users.found() + match.items.found() > 0,
      "{}: the model shares no user and no item with the data set {}: it has users such as '{}' and items "
      "such as '{}', the data set '{}' and '{}'. Use data of the same users and items",
      weights.string(), dataset.directory().string(), users.ids().front(), items.ids().front(),
      user_ids.front(), item_ids.front());
  return match;
}

}  // namespace neumf
