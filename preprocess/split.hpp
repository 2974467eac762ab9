// Training and held-out data, as they are written.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "histories.hpp"
#include "neumf/data/dataset.hpp"

namespace neumf::preprocess {

struct Split {
  std::vector<std::uint32_t> counts;         // training positives of each user
  std::vector<std::uint64_t> offsets = {0};  // their running sum
  std::vector<std::uint32_t> train_items;    // grouped by user, ascending within a user
  HeldOut test, valid;                       // ascending within a user; without validation: of nobody
  std::size_t negatives_per_user = 0;        // of test and of validation
  Ids user_ids, item_ids;
  std::uint64_t interactions = 0, dropped_users = 0, dropped_items = 0, dropped_interactions = 0,
                duplicates = 0;
  // Left out because training ends before they appear, and rows held out of what is in training as well.
  std::uint64_t untrained_users = 0, untrained_items = 0, untrained_interactions = 0, repeated_held_out = 0;
  HeldOutCuts cuts;

  std::size_t users() const { return counts.size(); }
  std::uint32_t items() const { return static_cast<std::uint32_t>(size(item_ids)); }
  std::span<const std::uint32_t> training(std::size_t user) const {
    return std::span(train_items).subspan(offsets[user], counts[user]);
  }
  bool has_validation() const { return !valid.items.empty(); }
  // Whether format version 1 can hold it: one test item for each user, and no validation.
  bool one_test_item_each() const;
};

// Whether some user has several items there.
bool has_several(const HeldOut& held_out);

// Sorts each user's items into training, validation and test. Negatives stay empty.
Split split_histories(Histories histories, std::size_t threads);

}  // namespace neumf::preprocess
