// Training and test data, as they are written.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "histories.hpp"

namespace neumf::preprocess {

struct Split {
  std::vector<std::uint32_t> counts;         // training positives of each user
  std::vector<std::uint64_t> offsets = {0};  // their running sum
  std::vector<std::uint32_t> train_items;    // grouped by user, ascending within a user
  std::vector<std::uint32_t> test_items;     // the held-out item of each user
  std::vector<std::uint32_t> negatives;      // users x negatives_per_user
  std::size_t negatives_per_user = 0;
  Ids user_ids, item_ids;
  std::uint64_t interactions = 0, dropped_users = 0, dropped_items = 0, dropped_interactions = 0,
                duplicates = 0;

  std::size_t users() const { return counts.size(); }
  std::uint32_t items() const { return static_cast<std::uint32_t>(size(item_ids)); }
  std::span<const std::uint32_t> training(std::size_t user) const {
    return std::span(train_items).subspan(offsets[user], counts[user]);
  }
};

// Holds out each user's latest interaction; of several at that time, the last in the file. A user with one
// interaction keeps none for training. Negatives stay empty.
Split leave_one_out(Histories histories, std::size_t threads);

}  // namespace neumf::preprocess
