#include "neumf/ops/top_k.hpp"

#include <bit>

#include "neumf/core/cuda/team.cuh"

namespace neumf::ops {
namespace {

constexpr int threads = 256;
constexpr std::int64_t largest_k = 1024;

// Score and item in one number whose order is that of the ranking: higher scores are larger, and of equal
// scores the smaller item. 0 is smaller than the key of any item.
using Key = unsigned long long;

__device__ __forceinline__ Key key_of(float score, std::uint32_t item) {
  // -0 and 0 are equal scores.
  const std::uint32_t bits = __float_as_uint(score == 0.0f ? 0.0f : score);
  const std::uint32_t ordered = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  return (static_cast<Key>(ordered) << 32) | (0xFFFFFFFFu - item);
}
__device__ __forceinline__ std::uint32_t item_of(Key key) {
  return 0xFFFFFFFFu - static_cast<std::uint32_t>(key);
}
__device__ __forceinline__ float score_of(Key key) {
  const auto ordered = static_cast<std::uint32_t>(key >> 32);
  return __uint_as_float((ordered & 0x80000000u) != 0 ? ordered & 0x7FFFFFFFu : ~ordered);
}

// Sorts `size` keys (a power of two) in shared memory, largest first, by a bitonic network.
__device__ __forceinline__ void sort_descending(Key* keys, std::uint32_t size) {
  for (std::uint32_t length = 2; length <= size; length *= 2)
    for (std::uint32_t distance = length / 2; distance > 0; distance /= 2) {
      for (std::uint32_t i = threadIdx.x; i < size / 2; i += threads) {
        const std::uint32_t low = 2 * i - (i & (distance - 1)), high = low + distance;
        const bool descending = (low & length) == 0;
        const Key a = keys[low], b = keys[high];
        if ((a < b) == descending) {
          keys[low] = b;
          keys[high] = a;
        }
      }
      __syncthreads();
    }
}

// A block per user. Keys above the K-th best so far gather behind the best K in shared memory; when another
// round of threads might not fit there, everything is sorted and the first K stay.
__global__ void __launch_bounds__(threads)
    top_k_kernel(const float* __restrict__ scores, std::int64_t block, std::uint32_t first_item,
                 std::uint32_t k, std::uint32_t slots, float* __restrict__ best_scores,
                 std::uint32_t* __restrict__ best_items) {
  extern __shared__ Key keys[];
  __shared__ std::uint32_t waiting;
  const std::int64_t row = blockIdx.x;
  scores += row * block;
  best_scores += row * k;
  best_items += row * k;
  for (std::uint32_t i = threadIdx.x; i < slots; i += threads)
    keys[i] = i < k && best_items[i] != no_item ? key_of(best_scores[i], best_items[i]) : 0;
  if (threadIdx.x == 0) waiting = 0;
  __syncthreads();

  const float infinity = __uint_as_float(0x7F800000u);
  for (std::int64_t first = 0; first < block; first += threads) {
    const std::int64_t j = first + threadIdx.x;
    // Written so that NaN is left out.
    if (j < block && scores[j] > -infinity) {
      const Key key = key_of(scores[j], first_item + static_cast<std::uint32_t>(j));
      if (key > keys[k - 1]) keys[k + atomicAdd(&waiting, 1u)] = key;
    }
    __syncthreads();
    const std::uint32_t count = waiting;
    const bool full = k + count + threads > slots, done = first + threads >= block;
    __syncthreads();
    if (count == 0 || !(full || done)) continue;
    sort_descending(keys, slots);
    for (std::uint32_t i = k + threadIdx.x; i < slots; i += threads) keys[i] = 0;
    if (threadIdx.x == 0) waiting = 0;
    __syncthreads();
  }
  for (std::uint32_t i = threadIdx.x; i < k; i += threads) {
    best_scores[i] = keys[i] != 0 ? score_of(keys[i]) : -infinity;
    best_items[i] = keys[i] != 0 ? item_of(keys[i]) : no_item;
  }
}

__global__ void __launch_bounds__(threads)
    clear_kernel(std::int64_t size, float* __restrict__ scores, std::uint32_t* __restrict__ items) {
  const std::int64_t i = blockIdx.x * std::int64_t{threads} + threadIdx.x;
  if (i >= size) return;
  scores[i] = -__uint_as_float(0x7F800000u);
  items[i] = no_item;
}

// A block per user. Lists are short; items outside the catalogue's block are passed over.
__global__ void __launch_bounds__(threads)
    exclude_kernel(const std::uint64_t* __restrict__ offsets, const std::uint32_t* __restrict__ items,
                   std::uint32_t first_item, std::int64_t block, float* __restrict__ scores) {
  const std::int64_t row = blockIdx.x;
  for (std::uint64_t i = offsets[row] + threadIdx.x; i < offsets[row + 1]; i += threads) {
    // Items before the block wrap around to large numbers.
    const std::uint32_t at = items[i] - first_item;
    if (at < block) scores[row * block + at] = -__uint_as_float(0x7F800000u);
  }
}

}  // namespace

template <>
void top_k_clear<Cuda>(Context<Cuda>& context, const TopK& best) {
  const std::int64_t size = best.scores.size();
  if (size == 0) return;
  clear_kernel<<<cuda::blocks_for(size, threads), threads, 0, context.stream()>>>(size, best.scores.data,
                                                                                  best.items.data);
  cuda::check_launch("clear_kernel");
}

template <>
void top_k_merge<Cuda>(Context<Cuda>& context, Matrix<const float> scores, std::uint32_t first_item,
                       const TopK& best) {
  const std::int64_t k = best.scores.cols;
  if (scores.size() == 0 || k == 0) return;
  require(k <= largest_k, "the {} best items of each user: a GPU keeps at most {}; use --device cpu", k,
          largest_k);
  // At most 16 KiB, for K = 1024.
  const auto slots = std::bit_ceil(static_cast<std::uint32_t>(k) + 2 * threads);
  top_k_kernel<<<cuda::blocks_for(scores.rows, 1), threads, slots * sizeof(Key), context.stream()>>>(
      scores.data, scores.cols, first_item, static_cast<std::uint32_t>(k), slots, best.scores.data,
      best.items.data);
  cuda::check_launch("top_k_kernel");
}

// The kernel leaves its lists in order.
template <>
void top_k_finish<Cuda>(Context<Cuda>& /*context*/, const TopK& /*best*/) {}

template <>
void exclude_items<Cuda>(Context<Cuda>& context, const std::uint64_t* offsets, const std::uint32_t* items,
                         std::uint32_t first_item, Matrix<float> scores) {
  if (scores.size() == 0) return;
  exclude_kernel<<<cuda::blocks_for(scores.rows, 1), threads, 0, context.stream()>>>(
      offsets, items, first_item, scores.cols, scores.data);
  cuda::check_launch("exclude_kernel");
}

}  // namespace neumf::ops
