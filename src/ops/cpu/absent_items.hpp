// absent_item() of sampling/absent_item.hpp for many users at once: a single search waits for each of its
// reads in turn, many side by side wait together, and in vector registers.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace neumf::cpu {

class AbsentItems {
 public:
  // Asks for the item of rank `rank` that is not among the `count` items (at least one) from `first` on in
  // the array that find() gets; it writes the answer to `out`.
  void add(std::uint64_t first, std::uint32_t count, std::uint32_t rank, std::uint32_t& out) {
    first_.push_back(first);
    rest_.push_back(count);
    rank_.push_back(rank);
    out_.push_back(&out);
    longest_ = std::max(longest_, count);
  }

  void find(const std::uint32_t* items) {
    const std::size_t count = out_.size();
    low_.assign(count, 0);
    const std::uint64_t* __restrict first = first_.data();
    const std::uint32_t* __restrict rank = rank_.data();
    std::uint32_t* __restrict low = low_.data();
    std::uint32_t* __restrict rest = rest_.data();
    for (int step = std::bit_width(longest_); step > 0; --step) {
#pragma omp simd
      for (std::size_t i = 0; i < count; ++i) {
        // One that has ended has half = 0: it reads the first item and stays.
        const std::uint32_t half = rest[i] - rest[i] / 2;
        const std::uint32_t middle = half == 0 ? 0 : low[i] + half - 1;
        low[i] += items[first[i] + middle] - middle <= rank[i] ? half : 0;
        rest[i] -= half;
      }
    }
    for (std::size_t i = 0; i < count; ++i) *out_[i] = rank[i] + low[i];
    first_.clear();
    rest_.clear();
    rank_.clear();
    out_.clear();
    longest_ = 0;
  }

 private:
  std::vector<std::uint64_t> first_;
  std::vector<std::uint32_t> rest_, rank_, low_;
  std::vector<std::uint32_t*> out_;
  std::uint32_t longest_ = 0;
};

}  // namespace neumf::cpu
