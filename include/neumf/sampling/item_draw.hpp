// Which item 32 random bits stand for: every item alike, or some more often than others.
//
// Unequal probabilities are drawn in constant time by Walker's alias method ("An Efficient Method for
// Generating Discrete Random Variables with General Distributions", ACM TOMS 3(3), 1977): a slot per item,
// drawn uniformly, holds its item and one other, and the share of the draws that are its item's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neumf/core/device.hpp"

namespace neumf {

// A slot: its item's share of 2^32 in the high word, the other item in the low one.
using AliasSlot = std::uint64_t;

// The item of [0, items) that `bits` stand for; without `slots` every one is as likely. The high word of the
// product chooses the slot (see bounded in random/philox.hpp), the low word, which is as good as uniform,
// one of its two items.
NEUMF_HD inline std::uint32_t drawn_item(const AliasSlot* slots, std::uint32_t items, std::uint32_t bits) {
  const std::uint64_t product = static_cast<std::uint64_t>(bits) * items;
  const auto slot = static_cast<std::uint32_t>(product >> 32);
  if (slots == nullptr) return slot;
  return static_cast<std::uint32_t>(product) < (slots[slot] >> 32) ? slot
                                                                   : static_cast<std::uint32_t>(slots[slot]);
}

struct ItemDistribution {
  std::vector<AliasSlot> slots;        // [items]
  std::vector<float> log_probability;  // [items]; of an item that is never drawn as if its count were 1
};

// Every item with a probability in proportion to counts[item]^power (Mikolov et al., "Distributed
// Representations of Words and Phrases", NIPS 2013, take 0.75). At least one count is not 0.
ItemDistribution popularity_distribution(std::span<const std::uint64_t> counts, double power);

}  // namespace neumf
