#include <algorithm>
#include <cstring>
#include <cub/device/device_radix_sort.cuh>
#include <numeric>
#include <vector>

#include "access.hpp"
#include "fault.hpp"
#include "memory.hpp"
#include "queue.hpp"

using namespace neumf::simulation;

namespace cub {
namespace {

// What CUB's one-sweep sort asks for: a second pair of buffers, and look-back state and histograms. The same
// for any number of bits, since the kernels are chosen by types alone. Nobody promises that fewer items need
// less: here an odd number of them needs some more.
std::size_t temporary_bytes(int count) {
  const std::size_t items = (static_cast<std::size_t>(count) * 4 + 255) / 256 * 256;
  const std::size_t tiles = (static_cast<std::size_t>(count) + 4095) / 4096;
  return 2 * items + (tiles + 4) * 256 * 4 + 255 + (count % 2 == 0 ? 0 : 8192);
}

}  // namespace

cudaError_t DeviceRadixSort::SortPairs(void* temporary, std::size_t& bytes, const std::uint32_t* keys_in,
                                       std::uint32_t* keys_out, const std::uint32_t* values_in,
                                       std::uint32_t* values_out, int count, int begin_bit, int end_bit,
                                       cudaStream_t stream) {
  const std::lock_guard lock(queue().mutex());
  const std::size_t needed = temporary_bytes(count);
  if (temporary == nullptr) {
    bytes = needed;
    return cudaSuccess;
  }
  if (bytes < needed)
    return refuse(cudaErrorInvalidValue, "SortPairs of {} items needs {} bytes of temporary storage, got {}",
                  count, needed, bytes);
  if (begin_bit < 0 || end_bit > 32 || begin_bit > end_bit)
    return refuse(cudaErrorInvalidValue, "SortPairs by bits {} to {} of 32", begin_bit, end_bit);
  if (!queue().owns(stream))
    return refuse(cudaErrorInvalidResourceHandle, "SortPairs: the stream does not exist");
  Work work;
  work.name = "SortPairs";
  work.pointers = {temporary, keys_in, keys_out, values_in, values_out};
  work.run = [=](Run& /*run*/) {
    const auto size = static_cast<std::size_t>(count);
    const std::size_t array_bytes = size * 4;
    for (const void* in : {keys_in, values_in}) access(in, array_bytes, false);
    for (void* out : {static_cast<void*>(keys_out), static_cast<void*>(values_out)})
      access(out, array_bytes, true);
    // Each pass of 8 bits but the last goes through the temporary storage.
    const int passes = (end_bit - begin_bit + 7) / 8;
    if (passes > 1) {
      access(temporary, needed, true);
      access(temporary, needed, false);
      std::memset(temporary, 0xFF, needed);
    }
    const std::uint64_t mask = (std::uint64_t{1} << end_bit) - (std::uint64_t{1} << begin_bit);
    std::vector<std::uint32_t> keys(keys_in, keys_in + size), values(values_in, values_in + size);
    std::vector<std::size_t> order(size);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return (keys[a] & mask) < (keys[b] & mask); });
    for (std::size_t i = 0; i < size; ++i) {
      keys_out[i] = keys[order[i]];
      values_out[i] = values[order[i]];
    }
    return true;
  };
  return queue().submit(stream, std::move(work));
}

}  // namespace cub
