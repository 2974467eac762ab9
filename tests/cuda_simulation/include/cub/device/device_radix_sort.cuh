// Stands in for CUB's header: the stable sort by bits [begin_bit, end_bit) of the keys.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace cub {

struct DeviceRadixSort {
  // As in CUB, a call without temporary memory only says how much is needed; the size grows with the number
  // of items, does not depend on the bits, and a call with less is refused.
  static cudaError_t SortPairs(void* temporary, std::size_t& bytes, const std::uint32_t* keys_in,
                               std::uint32_t* keys_out, const std::uint32_t* values_in,
                               std::uint32_t* values_out, int count, int begin_bit, int end_bit,
                               cudaStream_t stream);
};

}  // namespace cub
