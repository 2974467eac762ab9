// Each user's interactions, those that are held out at the end.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hold_out.hpp"
#include "id_map.hpp"
#include "ratings.hpp"

namespace neumf::preprocess {

// Where HoldOut::time has cut.
struct HeldOutCuts {
  std::optional<Time> test, validation;
};

struct Histories {
  std::vector<std::uint64_t> offsets = {0};  // user u has items[offsets[u]] to items[offsets[u + 1] - 1]
  std::vector<std::uint32_t> items;          // training in any order, validation, test; no item twice
  std::vector<HeldOutCounts> held_out;       // of each user
  Ids user_ids, item_ids;                    // original ids by dense id
  std::uint64_t interactions = 0;            // rows before filtering
  std::uint64_t dropped_users = 0, dropped_items = 0, dropped_interactions = 0;
  std::uint64_t duplicates = 0;  // rows that repeat an earlier (user, item)
  // Left out because training ends before they appear (HoldOut::time).
  std::uint64_t untrained_users = 0, untrained_items = 0, untrained_interactions = 0;
  HeldOutCuts cuts;

  std::size_t users() const { return offsets.size() - 1; }
  std::uint32_t item_count() const { return static_cast<std::uint32_t>(size(item_ids)); }
  std::span<const std::uint32_t> of(std::size_t user) const {
    return std::span(items).subspan(offsets[user], offsets[user + 1] - offsets[user]);
  }
  std::span<const std::uint32_t> training(std::size_t user) const {
    const auto all = of(user);
    return all.first(all.size() - held_out[user].test - held_out[user].validation);
  }
};

struct HistoryRules {
  std::uint64_t min_ratings = 20;      // of a user
  std::uint64_t min_item_ratings = 1;  // of an item
  std::uint64_t seed = 1;              // of what is drawn
  HoldOutRules hold_out{};
};

// The rules, in this order, as the reference applies them:
//  1. Users with fewer than `min_ratings` rows are dropped, and items with fewer than `min_item_ratings`, in
//     turn until all that are left have enough. Rows count, repeated items included.
//  2. Ids become dense in order of first appearance among the remaining rows of the file.
//  3. Each user's rows are ordered by time; rows of one time keep the order of the file.
//  4. Of several rows of a user and an item the earliest stays, so the item counts when it was first seen.
//  5. What is held out goes to the end, the test last (hold_out.hpp). Nothing depends on the order of the
//     others.
//  6. With HoldOut::time, users and items that nobody has in training are left out: they appear only after
//     training ends. Ids stay dense.
// Fails if no user is left.
Histories make_histories(Ratings ratings, const HistoryRules& rules, std::size_t threads);

// Rule 6.
void drop_untrained(Histories& histories);

}  // namespace neumf::preprocess
