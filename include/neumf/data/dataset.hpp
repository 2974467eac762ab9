// Reading a preprocessed data set (see data/layout.hpp) in the part that one rank owns.
//
// Everything that later indexes memory is checked here, so that a damaged file, or one from another data set,
// ends in an error that names it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "neumf/core/value_names.hpp"

namespace neumf {

// The users [first, last).
struct UserRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  std::uint64_t size() const { return last - first; }
};

enum class HeldOutPart { test, validation };
constexpr auto value_names(HeldOutPart) {
  return std::to_array<NamedValue<HeldOutPart>>(
      {{"test", HeldOutPart::test}, {"validation", HeldOutPart::validation}});
}

// Items of some users that are held out of training.
struct HeldOut {
  std::vector<std::uint64_t> offsets = {0};  // [users + 1] into items
  std::vector<std::uint32_t> items;          // of a user: any number, all different
  std::vector<std::uint32_t> negatives;      // [users, valid_negative]

  std::size_t users() const { return offsets.size() - 1; }
  std::span<const std::uint32_t> of(std::size_t user) const {
    return std::span(items).subspan(offsets[user], offsets[user + 1] - offsets[user]);
  }
  std::span<const std::uint32_t> negatives_of(std::size_t user) const {
    const std::size_t count = negatives.size() / users();
    return std::span(negatives).subspan(user * count, count);
  }
};

// Some users' interactions, in memory. Items of a user are ascending.
struct Shard {
  UserRange users;
  std::uint64_t first_positive = 0;    // training positives of all users before this shard
  std::vector<std::uint64_t> offsets;  // [users + 1] into items
  std::vector<std::uint32_t> items;    // training positives
  HeldOut test;
  HeldOut valid;  // of nobody (offsets {0}) where the data set has no validation

  std::span<const std::uint32_t> training(std::size_t user) const {
    return std::span(items).subspan(offsets[user], offsets[user + 1] - offsets[user]);
  }
};

class Dataset {
 public:
  // Opens DIR and reads its counts. Throws Error if DIR holds no complete data set of this format version.
  static Dataset open(const std::filesystem::path& directory);

  const std::filesystem::path& directory() const { return directory_; }
  const std::string& id() const { return id_; }
  // Where the data came from, for people.
  const std::string& source() const { return source_; }
  std::uint64_t users() const { return counts_.size(); }
  std::uint64_t items() const { return items_; }
  // Training positives over all users.
  std::uint64_t positives() const { return positives_; }
  std::uint64_t valid_negative() const { return valid_negative_; }
  // Held-out items over all users.
  std::uint64_t test_held_out() const { return test_held_out_; }
  std::uint64_t valid_held_out() const { return valid_held_out_; }
  bool has_validation() const { return valid_held_out_ > 0; }
  std::size_t shards() const { return shards_; }

  // The users of rank `rank` of `ranks`: contiguous, with nearly equal numbers of positives.
  UserRange user_range(int rank, int ranks) const;
  // Reads the training and test data of some users, from whichever shard files hold them.
  Shard load(const UserRange& range) const;
  // The original ids by dense id, as text.
  std::vector<std::string> user_ids() const;
  std::vector<std::string> item_ids() const;

 private:
  std::vector<std::string> read_ids(const char* name, std::uint64_t count) const;

  std::filesystem::path directory_;
  std::string id_, source_;
  bool ragged_ = false;  // format version 2
  std::uint64_t items_ = 0, positives_ = 0, valid_negative_ = 0, test_held_out_ = 0, valid_held_out_ = 0;
  std::size_t shards_ = 0;
  std::vector<std::uint32_t> counts_;            // training positives by user
  std::vector<std::uint64_t> shard_first_user_;  // [shards + 1]
};

}  // namespace neumf
