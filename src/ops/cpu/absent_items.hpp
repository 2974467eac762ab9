// absent_item() of sampling/absent_item.hpp for many users at once: a single search waits for each of its
// reads in turn, several side by side do not.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace neumf::cpu {

class AbsentItems {
 public:
  // Asks for the item of rank `rank` that is not among `items`, of which there is at least one; find() writes
  // it to `out`.
  void add(const std::uint32_t* items, std::uint32_t count, std::uint32_t rank, std::uint32_t& out) {
    searches_.push_back({items, count, rank, &out});
  }

  void find() {
    // A last part of a lane is filled up with copies of its first search.
    while (searches_.size() % lanes != 0) searches_.push_back(searches_.back());
    for (auto search = searches_.begin(); search != searches_.end(); search += lanes) find(&*search);
    searches_.clear();
  }

 private:
  static constexpr std::size_t lanes = 8;
  struct Search {
    const std::uint32_t* items;
    std::uint32_t count, rank;
    std::uint32_t* out;
  };

  static void find(const Search* search) {
    std::uint32_t low[lanes] = {}, rest[lanes], longest = 0;
    for (std::size_t i = 0; i < lanes; ++i) {
      rest[i] = search[i].count;
      longest = std::max(longest, rest[i]);
    }
    for (int step = std::bit_width(longest); step > 0; --step) {
      for (std::size_t i = 0; i < lanes; ++i) {
        // A lane that has ended has half = 0: it reads the first item and stays.
        const std::uint32_t half = rest[i] - rest[i] / 2;
        const std::uint32_t middle = half == 0 ? 0 : low[i] + half - 1;
        low[i] += search[i].items[middle] - middle <= search[i].rank ? half : 0;
        rest[i] -= half;
      }
    }
    for (std::size_t i = 0; i < lanes; ++i) *search[i].out = search[i].rank + low[i];
  }

  std::vector<Search> searches_;
};

}  // namespace neumf::cpu
