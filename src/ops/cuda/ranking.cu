#include "neumf/ops/ranking.hpp"

#include <bit>

#include "neumf/core/cuda/team.cuh"

namespace neumf::ops {
namespace {

constexpr int ranking_threads = 128;  // a group has about 100 members, or 1,000
constexpr std::uint32_t empty = 0xFFFFFFFFu;

// A block per group. Items go into a hash table in shared memory together with the smallest position at which
// they occur; a negative counts where it is the first of its item. `slots` is a power of two above the group
// size, so the search for a free slot ends.
__global__ void __launch_bounds__(ranking_threads)
    rank_kernel(const std::uint32_t* __restrict__ items, const float* __restrict__ logits,
                std::int32_t group_size, std::uint32_t slots, std::uint32_t* __restrict__ ranks) {
  extern __shared__ std::uint32_t table[];
  std::uint32_t* first = table + slots;
  __shared__ std::uint32_t rank;
  const std::int64_t begin = blockIdx.x * std::int64_t{group_size};
  for (std::uint32_t i = threadIdx.x; i < slots; i += ranking_threads) {
    table[i] = empty;
    first[i] = empty;
  }
  if (threadIdx.x == 0) rank = 0;
  __syncthreads();

  const auto hash = [slots](std::uint32_t item) { return ((item * 0x9E3779B9u) >> 7) & (slots - 1); };
  for (std::int32_t j = static_cast<std::int32_t>(threadIdx.x); j < group_size; j += ranking_threads) {
    const std::uint32_t item = items[begin + j];
    std::uint32_t slot = hash(item);
    for (;; slot = (slot + 1) & (slots - 1)) {
      const std::uint32_t seen = atomicCAS(&table[slot], empty, item);
      if (seen == empty || seen == item) break;
    }
    atomicMin(&first[slot], static_cast<std::uint32_t>(j));
  }
  __syncthreads();

  const float held_out = logits[begin];
  std::uint32_t count = 0;
  for (std::int32_t j = static_cast<std::int32_t>(threadIdx.x); j < group_size; j += ranking_threads) {
    if (j == 0) continue;
    const std::uint32_t item = items[begin + j];
    std::uint32_t slot = hash(item);
    while (table[slot] != item) slot = (slot + 1) & (slots - 1);
    // Written so that a NaN on either side counts against the held-out item.
    if (first[slot] == static_cast<std::uint32_t>(j) && !(logits[begin + j] < held_out)) ++count;
  }
  if (count != 0) atomicAdd(&rank, count);
  __syncthreads();
  if (threadIdx.x == 0) ranks[blockIdx.x] = rank;
}

// For groups whose table would not fit into shared memory: every negative is compared with all before it.
__global__ void __launch_bounds__(ranking_threads)
    rank_large_kernel(const std::uint32_t* __restrict__ items, const float* __restrict__ logits,
                      std::int32_t group_size, std::uint32_t* __restrict__ ranks) {
  __shared__ std::uint32_t rank;
  if (threadIdx.x == 0) rank = 0;
  __syncthreads();
  const std::int64_t begin = blockIdx.x * std::int64_t{group_size};
  const float held_out = logits[begin];
  std::uint32_t count = 0;
  for (std::int32_t j = static_cast<std::int32_t>(threadIdx.x); j < group_size; j += ranking_threads) {
    if (j == 0 || logits[begin + j] < held_out) continue;
    const std::uint32_t item = items[begin + j];
    bool repeated = false;
    for (std::int32_t i = 0; i < j && !repeated; ++i) repeated = items[begin + i] == item;
    if (!repeated) ++count;
  }
  if (count != 0) atomicAdd(&rank, count);
  __syncthreads();
  if (threadIdx.x == 0) ranks[blockIdx.x] = rank;
}

// A block per case.
__global__ void __launch_bounds__(ranking_threads)
    catalogue_rank_kernel(const float* __restrict__ scores, std::int64_t items,
                          const std::uint32_t* __restrict__ rows, const std::uint32_t* __restrict__ held_out,
                          const std::uint64_t* __restrict__ seen_offsets,
                          const std::uint32_t* __restrict__ seen, std::uint32_t* __restrict__ ranks) {
  __shared__ std::uint32_t rank;
  if (threadIdx.x == 0) rank = 0;
  __syncthreads();
  const std::int64_t u = rows[blockIdx.x];
  const float* row = scores + u * items;
  const std::uint32_t own = held_out[blockIdx.x];
  const float limit = row[own];
  // Written so that a NaN on either side counts against the held-out item. The seen items come out again, and
  // the held-out item, which never scores below itself; sums wrap around and end in the right place.
  std::uint32_t count = 0;
  for (std::int64_t i = threadIdx.x; i < items; i += ranking_threads) count += row[i] < limit ? 0u : 1u;
  bool held_out_seen = false;
  for (std::uint64_t j = seen_offsets[u] + threadIdx.x; j < seen_offsets[u + 1]; j += ranking_threads) {
    count -= row[seen[j]] < limit ? 0u : 1u;
    held_out_seen = held_out_seen || seen[j] == own;
  }
  if (held_out_seen) ++count;
  if (count != 0) atomicAdd(&rank, count);
  __syncthreads();
  if (threadIdx.x == 0) ranks[blockIdx.x] = rank - 1;
}

}  // namespace

template <>
void rank_held_out<Cuda>(Context<Cuda>& context, const BatchView& batch, const float* logits,
                         std::uint32_t* ranks) {
  if (batch.groups == 0) return;
  const unsigned blocks = cuda::blocks_for(batch.groups, 1);
  const std::uint32_t slots =
      std::bit_ceil(2 * std::max<std::uint32_t>(static_cast<std::uint32_t>(batch.group_size), 8));
  const std::size_t bytes = 2 * std::size_t{slots} * sizeof(std::uint32_t);
  if (bytes <= 32768) {  // up to 2,048 members; below the 48 KiB that need no opt-in
    rank_kernel<<<blocks, ranking_threads, bytes, context.stream()>>>(batch.items, logits, batch.group_size,
                                                                      slots, ranks);
    cuda::check_launch("rank_kernel");
  } else {
    rank_large_kernel<<<blocks, ranking_threads, 0, context.stream()>>>(batch.items, logits, batch.group_size,
                                                                        ranks);
    cuda::check_launch("rank_large_kernel");
  }
}

template <>
void rank_in_catalogue<Cuda>(Context<Cuda>& context, Matrix<const float> scores, const CatalogueCases& cases,
                             const std::uint64_t* seen_offsets, const std::uint32_t* seen,
                             std::uint32_t* ranks) {
  if (cases.count == 0) return;
  catalogue_rank_kernel<<<cuda::blocks_for(cases.count, 1), ranking_threads, 0, context.stream()>>>(
      scores.data, scores.cols, cases.rows, cases.items, seen_offsets, seen, ranks);
  cuda::check_launch("catalogue_rank_kernel");
}

}  // namespace neumf::ops
