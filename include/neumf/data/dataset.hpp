// Reading a preprocessed data set (see data/layout.hpp) in the part that one rank owns.
//
// Everything that later indexes memory is checked here, so that a damaged file, or one from another data set,
// ends in an error that names it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace neumf {

// The users [first, last).
struct UserRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  std::uint64_t size() const { return last - first; }
};

// Some users' interactions, in memory. Items of a user are ascending.
struct Shard {
  UserRange users;
  std::uint64_t first_positive = 0;           // training positives of all users before this shard
  std::vector<std::uint64_t> offsets;         // [users + 1] into items
  std::vector<std::uint32_t> items;           // training positives
  std::vector<std::uint32_t> test_items;      // [users] held out
  std::vector<std::uint32_t> test_negatives;  // [users, valid_negative]
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
  std::uint64_t items_ = 0, positives_ = 0, valid_negative_ = 0;
  std::size_t shards_ = 0;
  std::vector<std::uint32_t> counts_;            // training positives by user
  std::vector<std::uint64_t> shard_first_user_;  // [shards + 1]
};

}  // namespace neumf
