// A block of training samples. The epoch has a sample id for each positive and each of its negatives,
//   id = positive * (1 + negatives) + k,   k = 0: the positive itself, k > 0: its k-th negative,
// and group g of the block is the g-th of the epoch's shuffle from `position` on: a positive with its
// negatives, or a single sample. What is drawn for an id is defined in sampling/sampler.hpp.
#pragma once

#include <cstdint>
#include <vector>

#include "array.hpp"
#include "neumf/sampling/sampler.hpp"
#include "traffic.hpp"

namespace neumf::reference {

// The k-th negative of a positive: of the items that may be drawn, in ascending order, the one whose number
// the random bits give; with slots, of the slot that they give.
inline std::uint32_t negative(const TrainingSetView& set, const SamplerSpec& spec, std::uint64_t positive,
                              std::uint64_t k) {
  const std::uint32_t user = set.users[positive];
  std::vector<std::uint32_t> allowed;
  for (std::uint32_t item = 0; item < spec.item_count; ++item) {
    bool owned = false;
    for (std::uint64_t i = set.offsets[user]; i < set.offsets[user + 1]; ++i) owned |= set.items[i] == item;
    if (!owned || !spec.exact_negatives) allowed.push_back(item);
  }
  const Philox philox(spec.seed, RandomStream::negatives, spec.epoch);
  const auto block = philox(set.first_positive + positive, static_cast<std::uint32_t>((k - 1) / 4));
  const std::uint32_t bits = block.v[(k - 1) % 4],
                      number = bounded(bits, static_cast<std::uint32_t>(allowed.size()));
  if (set.slots == nullptr || spec.exact_negatives) return allowed[number];
  // Walker's slot: what is left of the product decides between its two items.
  const std::uint64_t slot = set.slots[number],
                      left = std::uint64_t{bits} * spec.item_count % (std::uint64_t{1} << 32);
  return left < slot / (std::uint64_t{1} << 32) ? number : static_cast<std::uint32_t>(slot);
}

inline Batch sample_batch(const TrainingSetView& set, const SamplerSpec& spec, std::uint64_t position,
                          Index groups) {
  const std::uint64_t per_positive = spec.negatives + 1;
  const std::uint64_t size = spec.sampling == Sampling::grouped ? per_positive : 1;
  const std::uint64_t all = spec.sampling == Sampling::grouped ? set.positives : set.positives * per_positive;
  const Permutation shuffle(all, spec.seed, spec.epoch, set.first_positive);
  Batch batch{.groups = groups,
              .group_size = static_cast<Index>(size),
              .users = {},
              .items = {},
              .ids = {},
              .labels = {}};
  for (Index g = 0; g < groups; ++g) {
    const std::uint64_t local =
        shuffle(position + static_cast<std::uint64_t>(g)) * size;  // the rank's sample
    const std::uint64_t positive = local / per_positive, id = set.first_positive * per_positive + local;
    batch.users.push_back(set.users[positive] + spec.user_row_offset);
    batch.ids.push_back(id);
    for (std::uint64_t j = 0; j < size; ++j) {
      const bool is_positive = (id + j) % per_positive == 0;
      batch.labels.push_back(is_positive ? 1 : 0);
      batch.items.push_back(is_positive ? set.items[positive]
                                        : negative(set, spec, positive, (id + j) % per_positive));
    }
  }
  return batch;
}

// Per group a positive's user and item are read, a row and an id written; per sample an item and a label.
constexpr Traffic sample_traffic(double groups, double samples) {
  return {groups * 8, groups * 12 + samples * 5};
}

}  // namespace neumf::reference
