// Each user's interactions, the latest at the end.
#pragma once

#include <cstdint>
#include <vector>

#include "id_map.hpp"
#include "ratings.hpp"

namespace neumf::preprocess {

struct Histories {
  std::vector<std::uint64_t> offsets = {0};  // user u has items[offsets[u]] to items[offsets[u + 1] - 1]
  std::vector<std::uint32_t> items;          // the latest last, the others in any order; no item twice
  Ids user_ids, item_ids;                    // original ids by dense id
  std::uint64_t interactions = 0;            // rows before filtering
  std::uint64_t dropped_users = 0, dropped_items = 0, dropped_interactions = 0;
  std::uint64_t duplicates = 0;  // rows that repeat an earlier (user, item)

  std::size_t users() const { return offsets.size() - 1; }
  std::uint32_t item_count() const { return static_cast<std::uint32_t>(size(item_ids)); }
};

struct HistoryRules {
  std::uint64_t min_ratings = 20;      // of a user
  std::uint64_t min_item_ratings = 1;  // of an item
  std::uint64_t seed = 1;              // draws the item at the end where there are no times
};

// The rules, in this order, as the reference applies them:
//  1. Users with fewer than `min_ratings` rows are dropped, and items with fewer than `min_item_ratings`, in
//     turn until all that are left have enough. Rows count, repeated items included.
//  2. Ids become dense in order of first appearance among the remaining rows of the file.
//  3. Each user's rows are ordered by time; rows of one time keep the order of the file.
//  4. Of several rows of a user and an item the earliest stays, so the item counts when it was first seen.
// Only the latest row that remains is looked for: nothing depends on the order of those before it. Without
// times one is drawn, as a function of (seed, dense user id) and the order of the file.
// Fails if no user is left.
Histories make_histories(Ratings ratings, const HistoryRules& rules, std::size_t threads);

}  // namespace neumf::preprocess
