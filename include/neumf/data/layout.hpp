// The on-disk layout of a preprocessed data set, shared by neumf-preprocess (writer) and neumf (reader).
//
// DIR/shard-0000-of-0002.h5, one per shard, for the contiguous users [first_user, first_user + users):
//   /train/counts     [users]               training positives of each user
//   /train/items      [sum of counts]       their items, grouped by user, ascending within a user
//   /test/items       [users]               the held-out item of each user
//   /test/negatives   [users, valid_negative]  sampled items that the user does not have in training
//   attributes: format_version, dataset_id, shard, shards, first_user, users
// DIR/dataset.h5, written last, so that its presence means the data set is complete:
//   /train/counts /train/items /test/items /test/negatives   virtual data sets over all shards
//   /ids/users /ids/items                   original ids by dense id: fixed-length UTF-8 (once also int64)
//   /shards/first_user [shards + 1]         user boundaries;  /shards/positives [shards]
//   attributes: format_version, dataset_id, users, items, interactions (before filtering), positives,
//               valid_negative, shards, source, source_xxh128, options, columns, held_out, created_by, seed
//
// That is format version 1: one held-out item for each user, and no validation. Version 2 has, in the shards
// and as virtual data sets,
//   /test/counts      [users]               held-out items of each user, which may be 0
//   /test/items       [sum of counts]       grouped by user, ascending within a user
//   /test/negatives   [users, valid_negative]  items that the user has neither in training nor in validation
//   /valid/counts /valid/items /valid/negatives   the same of the validation, if there is one; these
//   negatives
//                                           are items that the user does not have in training
// and the attributes test_held_out, valid_held_out (items, 0: no validation) and validation (how they were
// chosen). Where users have several held-out items, none of these is among their negatives, but for users who
// have every item: their negatives repeat a held-out item, which evaluation ignores.
// Integers have the smallest unsigned type that leaves its largest number free: a missing shard reads as
// that.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace neumf::layout {

inline constexpr std::int64_t format_version = 1;         // one held-out item for each user, no validation
inline constexpr std::int64_t ragged_format_version = 2;  // any number of them, and validation
inline constexpr const char* dataset_file = "dataset.h5";
inline constexpr const char* train_counts = "/train/counts";
inline constexpr const char* train_items = "/train/items";
inline constexpr const char* test_counts = "/test/counts";
inline constexpr const char* test_items = "/test/items";
inline constexpr const char* test_negatives = "/test/negatives";
inline constexpr const char* valid_counts = "/valid/counts";
inline constexpr const char* valid_items = "/valid/items";
inline constexpr const char* valid_negatives = "/valid/negatives";
inline constexpr const char* user_ids = "/ids/users";
inline constexpr const char* item_ids = "/ids/items";
inline constexpr const char* shard_first_user = "/shards/first_user";
inline constexpr const char* shard_positives = "/shards/positives";

// "shard-0003-of-0008.h5"
std::string shard_file(std::size_t shard, std::size_t shards);

// Cuts users into `parts` contiguous ranges of nearly equal training positives (a user is never split) and
// returns parts + 1 boundaries. Every part gets at least one user; fails if there are fewer users than parts.
// Both the preprocessor (shards) and the trainer (ranks) use it, so one shard per rank is one file per rank.
std::vector<std::uint64_t> balanced_user_ranges(std::span<const std::uint32_t> counts, std::size_t parts);

// The users [first, last) of a shard.
struct ShardUsers {
  std::size_t shard = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// Where the users [first, last) are stored: every one of them once, in order. `bounds`: where shards begin,
// as in /shards/first_user.
std::vector<ShardUsers> shards_of(std::span<const std::uint64_t> bounds, std::uint64_t first,
                                  std::uint64_t last);

}  // namespace neumf::layout
