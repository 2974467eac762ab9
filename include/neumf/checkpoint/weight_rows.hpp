// Which rows of a file of weights belong to a data set's users and items.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "neumf/data/dataset.hpp"
#include "neumf/data/id_index.hpp"
#include "neumf/nn/parameters.hpp"

namespace neumf {

// For each row of the tables that a rank keeps the file's row, or no_row: then it stays as it is.
struct WeightRows {
  std::vector<std::uint32_t> users, items;

  // Users [range.first, range.last) and all items, in the file's order.
  static WeightRows in_order(const UserRange& range, std::uint64_t items);
  // The same users, and of the items those of the share.
  WeightRows of(const ItemShare& share) const;
};

// The rows of all of a data set's users and items.
struct WeightMatch {
  RowMatch users, items;
  bool by_position = false;                        // the file has no ids
  std::uint64_t users_there = 0, items_there = 0;  // in the file

  bool complete() const { return users.missing == 0 && items.missing == 0; }
  // Those of some users and of all items.
  WeightRows rows(const UserRange& range) const;
  // "40 of 42 users and 20 of 20 items are in it", or that it has no ids.
  std::string description() const;
};

// By original id; by position where the file has no ids (Keras). Throws Error, naming both, if data set and
// file share no user and no item, or if there are no ids and the numbers differ.
WeightMatch match_weights(const std::filesystem::path& weights, const Dataset& dataset);

}  // namespace neumf
