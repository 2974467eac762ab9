#include "own_files.hpp"

#include <algorithm>
#include <numeric>

#include "neumf/core/error.hpp"

namespace neumf::preprocess {
namespace {

// An item and where it was read, which ranks: training, validation, test.
struct Entry {
  std::uint32_t item, part;

  auto operator<=>(const Entry&) const = default;
};

std::vector<std::uint32_t> first_ids(std::uint32_t count) {
  std::vector<std::uint32_t> ids(count);
  std::iota(ids.begin(), ids.end(), 0u);
  return ids;
}

}  // namespace

std::vector<std::filesystem::path> OwnFiles::all() const {
  std::vector<std::filesystem::path> files = train;
  files.insert(files.end(), valid.begin(), valid.end());
  files.insert(files.end(), test.begin(), test.end());
  return files;
}

Split split_of_own_files(const Ratings& ratings, const OwnFiles& files) {
  const std::size_t users = ratings.users.size();
  // Of the blocks: where validation and test begin.
  const auto blocks_of = [&](std::size_t inputs) {
    return inputs == 0 ? std::size_t{0} : ratings.input_blocks[inputs - 1];
  };
  const std::size_t valid_begin = blocks_of(files.train.size()),
                    test_begin = blocks_of(files.train.size() + files.valid.size());
  std::vector<std::uint64_t> next(users + 1, 0);
  std::partial_sum(ratings.user_rows.begin(), ratings.user_rows.end(), next.begin() + 1);
  const std::vector<std::uint64_t> begin = next;
  std::vector<Entry> entries(ratings.rows);
  for (std::size_t block = 0; block < ratings.blocks.size(); ++block) {
    const std::uint32_t part = block < valid_begin ? 0 : block < test_begin ? 1 : 2;
    for (const Rating& rating : ratings.blocks[block]) entries[next[rating.user]++] = {rating.item, part};
  }

  Split split;
  split.interactions = ratings.rows;
  split.user_ids = ratings.users.select(first_ids(ratings.users.size()));
  split.item_ids = ratings.items.select(first_ids(ratings.items.size()));
  for (std::size_t user = 0; user < users; ++user) {
    const auto first = entries.begin() + static_cast<std::ptrdiff_t>(begin[user]);
    const auto last = entries.begin() + static_cast<std::ptrdiff_t>(begin[user + 1]);
    std::sort(first, last);
    const auto unique = std::unique(first, last);
    split.duplicates += static_cast<std::uint64_t>(last - unique);
    for (auto entry = first; entry != unique; ++entry) {
      if (entry != first && std::prev(entry)->item == entry->item) {
        ++split.repeated_held_out;
        continue;
      }
      (entry->part == 0   ? split.train_items
       : entry->part == 1 ? split.valid.items
                          : split.test.items)
          .push_back(entry->item);
    }
    split.offsets.push_back(split.train_items.size());
    split.counts.push_back(static_cast<std::uint32_t>(split.offsets[user + 1] - split.offsets[user]));
    split.valid.offsets.push_back(split.valid.items.size());
    split.test.offsets.push_back(split.test.items.size());
  }
  require(!split.train_items.empty(), "{}: holds no training interactions", files.train.front().string());
  require(!split.test.items.empty(),
          "{}: nothing is left to test: users have all of its interactions in training or validation already",
          files.test.front().string());
  require(files.valid.empty() || !split.valid.items.empty(),
          "{}: nothing is left for validation: users have all of its interactions in training already",
          files.valid.empty() ? "" : files.valid.front().string());
  if (split.valid.items.empty()) split.valid = {};
  return split;
}

}  // namespace neumf::preprocess
