// A data set's test cases in the terms of a model that was trained on other data.
#pragma once

#include <cstdint>
#include <vector>

#include "neumf/checkpoint/weight_rows.hpp"
#include "neumf/data/dataset.hpp"

namespace neumf {

// What a model cannot be asked about.
struct UnknownCases {
  std::uint64_t users = 0;      // that the model does not know
  std::uint64_t held_out = 0;   // further users whose held-out item it does not know
  std::uint64_t negatives = 0;  // of the users that are left
};

// Leaves in `shard` the users whom the model knows, with at least one test item that it knows where they have
// any, and the model's rows as items; says which users these are. Items that it does not know go; among the
// negatives a held-out item takes their place, which evaluation ignores.
struct KnownUsers {
  std::vector<std::uint32_t> rows;   // of the model
  std::vector<std::uint32_t> dense;  // ids in the data set
};
KnownUsers keep_known(Shard& shard, const WeightMatch& match, UnknownCases& unknown);

}  // namespace neumf
