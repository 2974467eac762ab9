// Partial ranking of a catalogue that is scored block by block: the K best items of each user so far.
#pragma once

#include <cstdint>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"

namespace neumf::ops {

// In place of an item where fewer than K were found; its score is -infinity.
inline constexpr std::uint32_t no_item = 0xFFFFFFFFu;

// The best K of each user, [users, K] each; after top_k_finish() best first: higher scores first, and of
// equal scores the smaller item, so that the result does not depend on blocks, threads or timing.
struct TopK {
  Matrix<float> scores;
  Matrix<std::uint32_t> items;

  TopK slice(std::int64_t first, std::int64_t count) const {
    return {scores.slice(first, count), items.slice(first, count)};
  }
};

// Nothing found yet.
template <class Device>
void top_k_clear(Context<Device>& context, const TopK& best);

// Adds the items first_item + j with scores[r, j]. Items scored -infinity or not a number are never among the
// best.  scores [users, block]. On a GPU K may be at most 1024.
template <class Device>
void top_k_merge(Context<Device>& context, Matrix<const float> scores, std::uint32_t first_item,
                 const TopK& best);

// Puts the lists in order, once nothing is to be added.
template <class Device>
void top_k_finish(Context<Device>& context, const TopK& best);

// scores[r, i - first_item] = -infinity for every item i of row r's list that lies in the block. The lists
// are items[offsets[r] .. offsets[r + 1]), ascending.  scores [users, block], offsets [users + 1].
template <class Device>
void exclude_items(Context<Device>& context, const std::uint64_t* offsets, const std::uint32_t* items,
                   std::uint32_t first_item, Matrix<float> scores);

}  // namespace neumf::ops
