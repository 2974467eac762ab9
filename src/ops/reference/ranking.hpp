// The rank of a held-out item, from which HR@K and NDCG@K follow (He et al., "Neural Collaborative
// Filtering", WWW 2017, section 4.1): how many others are scored at least as high. Ties, and scores that are
// not numbers, count against the held-out item.
#pragma once

#include <cstdint>
#include <set>

#include "array.hpp"
#include "traffic.hpp"

namespace neumf::reference {

// Among a group's samples, of which the first is held out and the others are negatives, counted once each
// where they repeat. Quadratic, by comparing every pair.
inline std::uint32_t rank_held_out(const std::uint32_t* items, const float* scores, Index group_size) {
  std::uint32_t rank = 0;
  for (Index j = 1; j < group_size; ++j) {
    bool repeated = false;
    for (Index i = 0; i < j; ++i) repeated = repeated || items[i] == items[j];
    const bool below = scores[j] < scores[0];  // false where either is not a number
    if (!repeated && !below) ++rank;
  }
  return rank;
}

// Among the items of the whole catalogue that the user has not seen.
inline std::uint32_t rank_in_catalogue(const float* scores, std::uint32_t items, std::uint32_t held_out,
                                       const std::set<std::uint32_t>& seen) {
  std::uint32_t rank = 0;
  for (std::uint32_t i = 0; i < items; ++i) {
    const bool below = scores[i] < scores[held_out];
    if (i != held_out && !seen.contains(i) && !below) ++rank;
  }
  return rank;
}

// A score and an item per sample; a rank per group.
constexpr Traffic rank_held_out_traffic(double groups, double samples) {
  return {samples * 8, groups * 4};
}

// A score per user and item, the items seen, the held-out item; a rank per user.
constexpr Traffic rank_in_catalogue_traffic(double users, double items, double seen) {
  return {users * items * 4 + seen * 4 + users * 12, users * 4};
}

}  // namespace neumf::reference
