// Adding rows to the rows of a table, reproducibly and without serialising on popular rows.
//
// The positions of a block are sorted by table row (ScatterPlan). Teams take fixed-length chunks of that
// order and keep the running sum of the current table row in registers. A run of equal rows that lies within
// one chunk is added to the table at once: no other team touches that row. Where a run crosses the ends of
// chunks, each chunk leaves its part, and a second kernel adds up the parts of each such run. Long runs
// are thus added up by many teams, and the order of additions depends on the ids alone.
//
// The rows come from a Source:
//   template <int V> struct State;                           what a lane keeps for its columns
//   template <int V> struct Raw;                             a row as loaded
//   start(state, column)                                     once, for lanes that have columns
//   load<V>(position, column) -> Raw<V>;   zero<V>()
//   add(raw, sum)                                            sum += row
//   finish_run(state, table_row, column, sum)                last change of a run's sum
//   finish_block(state, team, column)                        once, by all threads of the block
#pragma once

#include <array>
#include <cstdint>

#include "context_impl.hpp"
#include "neumf/core/cuda/pack.cuh"
#include "neumf/core/cuda/team.cuh"
#include "neumf/ops/embedding.hpp"

namespace neumf::cuda {

// Belongs to no table row.
inline constexpr std::uint32_t no_key = 0xFFFFFFFFu;

// Positions per chunk: enough chunks to fill a GPU, and not so short that partial sums cost more than rows.
inline int chunk_length(std::int64_t count) {
  int length = 8;
  while (length < 64 && count / length > 16384) length *= 2;
  return length;
}

inline std::int64_t chunks_of(std::int64_t count) {
  return (count + chunk_length(count) - 1) / chunk_length(count);
}

// Rows of T as they are.
template <class T>
struct RowSource {
  const T* values;
  std::int64_t width;

  template <int V>
  struct State {};
  template <int V>
  struct Raw {
    Pack<T, V> pack;
  };
  template <int V>
  __device__ __forceinline__ void start(State<V>& /*state*/, std::int64_t /*column*/) const {}
  template <int V>
  __device__ __forceinline__ Raw<V> zero() const {
    return {Pack<T, V>::zero()};
  }
  template <int V>
  __device__ __forceinline__ Raw<V> load(std::uint32_t position, std::int64_t column) const {
    return {Pack<T, V>::load(values + position * width + column)};
  }
  template <int V>
  __device__ __forceinline__ void add(const Raw<V>& raw, float (&sum)[V]) const {
    cuda::add(raw.pack, sum);
  }
  template <int V>
  __device__ __forceinline__ void finish_run(State<V>& /*state*/, std::uint32_t /*table_row*/,
                                             std::int64_t /*column*/, float (&/*sum*/)[V]) const {}
  template <int V>
  __device__ __forceinline__ void finish_block(const State<V>& /*state*/, const Team& /*team*/,
                                               std::int64_t /*column*/) const {}
};

// What chunk c leaves of runs that cross its ends: the part of the run that began earlier, and that of the
// run that begins in it and goes on. Each key is no_key where there is no such run; a run that fills the
// chunk and goes on began earlier.
struct RunParts {
  std::uint32_t *earlier_keys, *later_keys;  // [chunks]
  float *earlier, *later;                    // [chunks, width]
};

template <int V>
__device__ __forceinline__ void add_to_row(float* row, const float (&sum)[V]) {
  float old[V];
  load<V>(row, old);
#pragma unroll
  for (int k = 0; k < V; ++k) old[k] += sum[k];
  store<V>(row, old);
}

template <class Source, int V>
__global__ void __launch_bounds__(block_threads, resident_blocks)
    segmented_sum_kernel(Source source, const std::uint32_t* __restrict__ keys,
                         const std::uint32_t* __restrict__ order, std::int64_t count, int chunk,
                         std::int64_t chunks, std::int64_t width, int team_size, float* __restrict__ table,
                         RunParts parts) {
  constexpr int unroll = 4;  // rows in flight per team
  const Team team(team_size);
  const std::int64_t column = team.column<V>(blockIdx.y);
  const bool active = column < width;
  typename Source::template State<V> state{};
  if (active) source.template start<V>(state, column);

  if (active) {
    for (std::int64_t c = team.index; c < chunks; c += team.count) {
      const std::int64_t begin = c * chunk, end = min(begin + chunk, count);
      std::uint32_t key = keys[begin];
      // Whether the first run began earlier and the last one goes on.
      bool open = begin > 0 && keys[begin - 1] == key;
      const std::uint32_t last_key = keys[end - 1];
      const bool continues = end < count && keys[end] == last_key;
      const std::uint32_t earlier_key = open ? key : no_key;
      float sum[V] = {};

      for (std::int64_t i = begin; i < end; i += unroll) {
        std::uint32_t row_key[unroll];
        typename Source::template Raw<V> raw[unroll];
#pragma unroll
        for (int u = 0; u < unroll; ++u) {
          const bool inside = i + u < end;
          row_key[u] = inside ? keys[i + u] : last_key;
          raw[u] = inside ? source.template load<V>(order[i + u], column) : source.template zero<V>();
        }
#pragma unroll
        for (int u = 0; u < unroll; ++u) {
          if (row_key[u] != key) {  // a run has ended; it is not the last one
            source.template finish_run<V>(state, key, column, sum);
            if (open)
              store<V>(parts.earlier + c * width + column, sum);
            else
              add_to_row<V>(table + key * width + column, sum);
            open = false;
            key = row_key[u];
#pragma unroll
            for (int k = 0; k < V; ++k) sum[k] = 0;
          }
          source.template add<V>(raw[u], sum);
        }
      }

      source.template finish_run<V>(state, key, column, sum);
      if (open)
        store<V>(parts.earlier + c * width + column, sum);
      else if (continues)
        store<V>(parts.later + c * width + column, sum);
      else
        add_to_row<V>(table + key * width + column, sum);
      if (blockIdx.y == 0 && team.lane == 0) {
        parts.earlier_keys[c] = earlier_key;
        parts.later_keys[c] = continues && !open ? key : no_key;
      }
    }
  }
  source.template finish_block<V>(state, team, column);
}

inline constexpr int chunks_per_block = 8;  // most have no run that goes on: a block for each would be idle

// Adds up the runs that begin in a block's chunks and go on. Teams take turns at the chunks that follow;
// their sums are added in order.
template <int V>
__global__ void __launch_bounds__(block_threads)
    join_runs_kernel(RunParts parts, std::int64_t chunks, std::int64_t width, int team_size,
                     float* __restrict__ table) {
  __shared__ float shared[block_threads * V];
  const Team team(team_size);
  const std::int64_t column = team.column<V>(blockIdx.y);
  const int own = static_cast<int>(threadIdx.x) / team_size, teams = block_threads / team_size;
  const std::int64_t first = blockIdx.x * std::int64_t{chunks_per_block};
  for (std::int64_t begin = first; begin < min(first + chunks_per_block, chunks); ++begin) {
    const std::uint32_t key = parts.later_keys[begin];
    if (key == no_key) continue;  // the whole block
    float sum[V] = {};
    if (column < width) {
      if (own == 0) load<V>(parts.later + begin * width + column, sum);
      for (std::int64_t c = begin + 1 + own; c < chunks && parts.earlier_keys[c] == key; c += teams) {
        float part[V];
        load<V>(parts.earlier + c * width + column, part);
#pragma unroll
        for (int i = 0; i < V; ++i) sum[i] += part[i];
      }
    }
#pragma unroll
    for (int i = 0; i < V; ++i) shared[(own * V + i) * team_size + team.lane] = sum[i];
    __syncthreads();
    if (own == 0 && column < width) {
      for (int other = 1; other < teams; ++other)
#pragma unroll
        for (int i = 0; i < V; ++i) sum[i] += shared[(other * V + i) * team_size + team.lane];
      add_to_row<V>(table + key * width + column, sum);
    }
    __syncthreads();
  }
}

// Blocks that take part in a scatter-add. Sources that leave a partial sum per block need to know.
inline std::int64_t scatter_blocks(const ops::ScatterPlan<Cuda>& plan, const RowShape& shape) {
  return std::min<std::int64_t>(partial_blocks * 4,
                                blocks_for(chunks_of(plan.count), shape.rows_per_block()));
}

// The memory of the parts of runs, added to `memory` and resolved by `parts` after its fetch.
class RunMemory {
 public:
  RunMemory(const ops::ScatterPlan<Cuda>& plan, std::int64_t width, Scratch& memory)
      : at_{memory.add<std::uint32_t>(chunks_of(plan.count)),
            memory.add<std::uint32_t>(chunks_of(plan.count)),
            memory.add<float>(chunks_of(plan.count) * width),
            memory.add<float>(chunks_of(plan.count) * width)} {}
  RunParts parts(const Scratch& memory) const {
    return {memory.at<std::uint32_t>(at_[0]), memory.at<std::uint32_t>(at_[1]), memory.at<float>(at_[2]),
            memory.at<float>(at_[3])};
  }

 private:
  std::array<std::size_t, 4> at_;
};

// table[ids[i], :] += row i of `source`, for all planned i. `memory` was fetched after `runs` was made.
template <class Source>
void scatter_add(Context<Cuda>& context, const ops::ScatterPlan<Cuda>& plan, const Source& source,
                 const RowShape& shape, Matrix<float> table, const RunMemory& runs, const Scratch& memory) {
  if (plan.count == 0) return;
  const unsigned tiles = grid_for(1, 1, shape.tiles).y;
  const dim3 grid(static_cast<unsigned>(scatter_blocks(plan, shape)), tiles);
  const std::int64_t chunks = chunks_of(plan.count);
  const RunParts parts = runs.parts(memory);
  with_vector(shape, [&](auto vector) {
    constexpr int V = decltype(vector)::value;
    segmented_sum_kernel<Source, V><<<grid, block_threads, 0, context.stream()>>>(
        source, plan.keys.data(), plan.order.data(), plan.count, chunk_length(plan.count), chunks, table.cols,
        shape.team, table.data, parts);
    check_launch("segmented_sum_kernel");
    if (chunks == 1) return;
    join_runs_kernel<V>
        <<<dim3(blocks_for(chunks, chunks_per_block), tiles), block_threads, 0, context.stream()>>>(
            parts, chunks, table.cols, shape.team, table.data);
    check_launch("join_runs_kernel");
  });
}

}  // namespace neumf::cuda
