// What users have in a data set, in the terms of a checkpoint: matched by original ids, so that any
// preprocessing of the same catalogue will do, a newer one included.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "neumf/data/dataset.hpp"
#include "neumf/data/id_index.hpp"
#include "neumf/serve/item_filter.hpp"

namespace neumf::serve {

class SeenItems : public ItemFilter {
 public:
  // Items that only the catalogue has are never seen; those that only the data set has need no leaving out.
  // Throws Error if there are no others.
  SeenItems(const std::filesystem::path& dataset, const IdIndex& catalogue);

  // Items of the data set, and how many of them the catalogue lacks.
  std::size_t items() const { return catalogue_.rows.size(); }
  std::size_t unknown_items() const { return catalogue_.missing; }
  const std::string& first_unknown_item() const { return catalogue_.first_missing; }
  // What each of these users has, in training and held out, as ascending rows of the catalogue. Users that
  // are not in the data set have nothing. Reads only the users' part of the files.
  ItemLists excluded(std::span<const std::string> users) const override;
  // Interactions of each item of the catalogue, over all users.
  std::vector<std::uint64_t> counts() const;

 private:
  Dataset dataset_;
  IdIndex users_;
  RowMatch catalogue_;  // of each item of the data set
  std::size_t catalogue_size_;
};

}  // namespace neumf::serve
