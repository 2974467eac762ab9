// Reproducible sums over samples: every thread adds into its own row, and rows are added in thread order.
#pragma once

#include <cstdint>
#include <vector>

#include "vector.hpp"

namespace neumf::cpu {

template <class T>
class PartialSums {
 public:
  PartialSums(int threads, std::int64_t width)
      : threads_(threads),
        stride_((width + 31) / 16 * 16),
        width_(width),
        data_(static_cast<std::size_t>(threads * stride_), T{}) {}

  T* row(int thread) { return data_.data() + thread * stride_; }
  void add_to(T* out) const {
    for (int thread = 0; thread < threads_; ++thread)
      for (std::int64_t i = 0; i < width_; ++i)
        out[i] += data_[static_cast<std::size_t>(thread * stride_ + i)];
  }

 private:
  int threads_;
  std::int64_t stride_, width_;  // rows lie a cache line apart
  std::vector<T> data_;
};

}  // namespace neumf::cpu
