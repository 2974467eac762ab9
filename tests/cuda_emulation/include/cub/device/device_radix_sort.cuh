// Stands in for CUB's header: the stable sort by bits [begin_bit, end_bit) of the keys.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace cub {

struct DeviceRadixSort {
  // As in CUB, a call without temporary memory only says how much is needed.
  template <class Value>
  static cudaError_t SortPairs(void* temporary, std::size_t& bytes, const std::uint32_t* keys_in,
                               std::uint32_t* keys_out, const Value* values_in, Value* values_out, int count,
                               int begin_bit, int end_bit, cudaStream_t /*stream*/) {
    if (temporary == nullptr) {
      bytes = 1;
      return cudaSuccess;
    }
    const std::uint64_t mask = (std::uint64_t{1} << end_bit) - (std::uint64_t{1} << begin_bit);
    std::vector<int> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return (keys_in[a] & mask) < (keys_in[b] & mask); });
    for (const int from : order) {
      *keys_out++ = keys_in[from];
      *values_out++ = values_in[from];
    }
    return cudaSuccess;
  }
};

}  // namespace cub
