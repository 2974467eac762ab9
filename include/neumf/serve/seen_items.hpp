// What users have in a data set, in the terms of a checkpoint: matched by original ids, so that any
// preprocessing of the same catalogue will do, a newer one included.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "neumf/data/dataset.hpp"
#include "neumf/serve/id_index.hpp"
#include "neumf/serve/recommender.hpp"

namespace neumf::serve {

class SeenItems {
 public:
  // Throws Error if the data set holds items that the catalogue lacks. Items that only the catalogue has are
  // never seen.
  SeenItems(const std::filesystem::path& dataset, const IdIndex& catalogue);

  // What each of these users has, in training and held out, as ascending rows of the catalogue. Users that
  // are not in the data set have nothing. Reads only the users' part of the files.
  ItemLists of(std::span<const std::string> users) const;
  // Interactions of each item of the catalogue, over all users.
  std::vector<std::uint64_t> counts() const;

 private:
  Dataset dataset_;
  IdIndex users_;
  std::vector<std::uint32_t> catalogue_row_;  // of each item of the data set
};

}  // namespace neumf::serve
