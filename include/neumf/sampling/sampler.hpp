// How one training sample is drawn; shared by both devices.
//
// An epoch has positives * (1 + negatives) samples. Sample id = positive * (1 + negatives) + k, where
// `positive` counts over the whole data set (not the rank's part): k = 0 is the positive itself, k > 0 its
// k-th negative. A negative's item depends on (seed, epoch, id) alone, so it is the same on any number of
// ranks; one Philox block of a positive gives the items of four of its negatives. Its word is mapped to a
// number below the count of items that may be drawn: all, or for exact negatives those that the user has not
// in training, in ascending order. Every item that may be drawn is as likely as any other.
//
// grouped:  a positive and its negatives stay together (group_size = 1 + negatives) and groups are permuted.
// shuffled: single samples are permuted (group_size = 1), as in the reference implementation.
#pragma once

#include <cstdint>

#include "neumf/core/value_names.hpp"
#include "neumf/random/philox.hpp"
#include "neumf/sampling/absent_item.hpp"
#include "neumf/sampling/item_draw.hpp"
#include "neumf/sampling/permutation.hpp"

namespace neumf {

enum class Sampling { grouped, shuffled };
constexpr auto value_names(Sampling) {
  return std::to_array<NamedValue<Sampling>>(
      {{"grouped", Sampling::grouped}, {"shuffled", Sampling::shuffled}});
}

// How often an item is drawn as a negative: all alike, or as its training interactions to a power.
enum class Negatives { uniform, popularity };
constexpr auto value_names(Negatives) {
  return std::to_array<NamedValue<Negatives>>(
      {{"uniform", Negatives::uniform}, {"popularity", Negatives::popularity}});
}

// A rank's training positives on its device. Rows are local users, [0, users).
struct TrainingSetView {
  const std::uint32_t* users;    // [positives] local user of each positive
  const std::uint32_t* items;    // [positives] its item; ascending within a user
  const std::uint64_t* offsets;  // [users + 1] positives of each user
  std::uint64_t positives;
  std::uint64_t first_positive;  // id of the rank's first positive in the whole data set
  const AliasSlot* slots =
      nullptr;  // [items] how negatives are drawn (item_draw.hpp), unless exact; null: uniformly
};

struct SamplerSpec {
  Sampling sampling = Sampling::grouped;
  std::uint32_t negatives = 4;   // per positive
  std::uint32_t item_count = 0;  // negatives are drawn from [0, item_count)
  bool exact_negatives = false;  // only items that the user has not in training; every user must lack one
  std::uint64_t seed = 0;
  std::uint32_t epoch = 0;            // from 0
  std::uint32_t user_row_offset = 0;  // added to local users: the rank's first row in the user tables

  NEUMF_HD std::uint32_t per_positive() const { return 1 + negatives; }
  NEUMF_HD std::uint32_t group_size() const { return sampling == Sampling::grouped ? per_positive() : 1; }
  // Groups that a rank with `positives` positives has in an epoch.
  NEUMF_HD std::uint64_t groups(std::uint64_t positives) const {
    return sampling == Sampling::grouped ? positives : positives * per_positive();
  }
  // The rank's shuffle of its groups in this epoch.
  NEUMF_HD Permutation permutation(const TrainingSetView& set) const {
    return {groups(set.positives), seed, epoch, set.first_positive};
  }
};

// Whether a user has an item in training, by binary search in the user's ascending items.
NEUMF_HD inline bool in_training(const TrainingSetView& set, std::uint32_t user, std::uint32_t item) {
  std::uint64_t low = set.offsets[user], high = set.offsets[user + 1];
  const std::uint64_t end = high;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (set.items[middle] < item)
      low = middle + 1;
    else
      high = middle;
  }
  return low < end && set.items[low] == item;
}

// Philox counter word of negative k (from 1) of a positive: the block that it finds its bits in, as word
// (k - 1) % 4.
NEUMF_HD inline std::uint32_t negative_word(std::uint64_t k) {
  return static_cast<std::uint32_t>((k - 1) / 4);
}

// Items that a user has in training.
NEUMF_HD inline std::uint32_t training_count(const TrainingSetView& set, std::uint32_t user) {
  return static_cast<std::uint32_t>(set.offsets[user + 1] - set.offsets[user]);
}

// The negative that 32 random bits give a user.
NEUMF_HD inline std::uint32_t negative_item(const TrainingSetView& set, const SamplerSpec& spec,
                                            std::uint32_t user, std::uint32_t bits) {
  if (!spec.exact_negatives) return drawn_item(set.slots, spec.item_count, bits);
  const std::uint32_t count = training_count(set, user);
  return absent_item(set.items + set.offsets[user], count, bounded(bits, spec.item_count - count));
}

// The item of sample `id`, whose positive is number `positive` of this rank (id % per_positive() tells k).
NEUMF_HD inline std::uint32_t sample_item(const TrainingSetView& set, const SamplerSpec& spec,
                                          std::uint64_t positive, std::uint64_t id) {
  const std::uint64_t k = id % spec.per_positive();
  if (k == 0) return set.items[positive];
  const Philox philox(spec.seed, RandomStream::negatives, spec.epoch);
  const auto block = philox(set.first_positive + positive, negative_word(k));
  return negative_item(set, spec, set.users[positive],
                       word_of(block, static_cast<std::uint32_t>((k - 1) % 4)));
}

}  // namespace neumf
