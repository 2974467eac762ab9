// Sorting many short lists of numbers.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace neumf::preprocess {

// By their bytes, the lowest first (radix sort), which takes a fraction of the time of comparing where lists
// have more than a few dozen numbers. Keeps its memory between lists; for one thread.
class ItemSorter {
 public:
  // Numbers are below `limit`.
  explicit ItemSorter(std::uint32_t limit) {
    for (; passes_ < 4 && limit > std::uint64_t{1} << 8 * passes_; ++passes_) {
    }
  }

  void sort(std::span<std::uint32_t> items) {
    if (items.size() < least_) {
      std::sort(items.begin(), items.end());
      return;
    }
    other_.resize(std::max(other_.size(), items.size()));
    std::uint32_t *from = items.data(), *to = other_.data();
    for (int pass = 0; pass < passes_; ++pass) {
      const auto byte = [&](std::uint32_t item) { return item >> 8 * pass & 0xFF; };
      std::array<std::uint32_t, 256> next{};  // counts, then where the next item with a byte goes
      for (std::size_t i = 0; i < items.size(); ++i) ++next[byte(from[i])];
      std::uint32_t begin = 0;
      for (auto& place : next) begin += std::exchange(place, begin);
      for (std::size_t i = 0; i < items.size(); ++i) to[next[byte(from[i])]++] = from[i];
      std::swap(from, to);
    }
    if (from != items.data()) std::copy_n(from, items.size(), items.data());
  }

 private:
  static constexpr std::size_t least_ = 64;
  int passes_ = 1;
  std::vector<std::uint32_t> other_;
};

}  // namespace neumf::preprocess
