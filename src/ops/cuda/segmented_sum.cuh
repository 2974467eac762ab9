// Adding rows to the rows of a table, reproducibly and without serialising on popular rows.
//
// The positions of a block are sorted by table row (ScatterPlan). Teams take fixed-length chunks of that
// order and keep the running sum of the current table row in registers. A run of equal rows that lies within
// one chunk is added to the table at once: no other team touches that row. Where a run crosses the ends of a
// chunk, its parts become entries of a shorter list, two per chunk, which is sorted as well and is summed in
// the same way, until one chunk is left. However long a run, it is thus added up by a tree of many teams, and
// the order of additions depends on the ids alone.
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
#include <vector>

#include "context_impl.hpp"
#include "neumf/core/cuda/pack.cuh"
#include "neumf/core/cuda/team.cuh"
#include "neumf/ops/embedding.hpp"

namespace neumf::cuda {

// In lists of partial sums: an entry without a row of its own (it repeats its neighbour's key), and a key
// that belongs to no table row.
inline constexpr std::uint32_t no_row = 0xFFFFFFFFu;
inline constexpr std::uint32_t no_key = 0xFFFFFFFFu;

// Positions per chunk: enough chunks to fill a GPU, and not so short that partial sums cost more than rows.
inline int chunk_length(std::int64_t count) {
  int length = 8;
  while (length < 64 && count / length > 16384) length *= 2;
  return length;
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
    float row[V];
    raw.pack.widen_to(row);
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] += row[i];
  }
  template <int V>
  __device__ __forceinline__ void finish_run(State<V>& /*state*/, std::uint32_t /*table_row*/,
                                             std::int64_t /*column*/, float (&/*sum*/)[V]) const {}
  template <int V>
  __device__ __forceinline__ void finish_block(const State<V>& /*state*/, const Team& /*team*/,
                                               std::int64_t /*column*/) const {}
};

// The list of partial sums that a level leaves: entries 2c and 2c + 1 come from chunk c.
struct PartialList {
  std::uint32_t* keys;
  std::uint32_t* order;  // row of `values`, or no_row
  float* values;
};

template <class Source, int V>
__global__ void __launch_bounds__(block_threads, resident_blocks)
    segmented_sum_kernel(Source source, const std::uint32_t* __restrict__ keys,
                         const std::uint32_t* __restrict__ order, std::int64_t count, int chunk,
                         std::int64_t chunks, std::int64_t width, int team_size, float* __restrict__ table,
                         PartialList partial) {
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
      bool open = key != no_key && begin > 0 && keys[begin - 1] == key;
      const std::uint32_t last_key = keys[end - 1];
      const bool continues = last_key != no_key && end < count && keys[end] == last_key;
      std::uint32_t first_slot = no_key;  // key of the partial sum in the chunk's first entry
      float sum[V] = {};

      for (std::int64_t i = begin; i < end; i += unroll) {
        std::uint32_t row_key[unroll];
        typename Source::template Raw<V> raw[unroll];
#pragma unroll
        for (int u = 0; u < unroll; ++u) {
          row_key[u] = i + u < end ? keys[i + u] : last_key;
          const std::uint32_t position = i + u < end ? order[i + u] : no_row;
          raw[u] = position != no_row ? source.template load<V>(position, column) : source.template zero<V>();
        }
#pragma unroll
        for (int u = 0; u < unroll; ++u) {
          if (row_key[u] != key) {  // a run has ended; it is not the last one
            if (key != no_key) {
              source.template finish_run<V>(state, key, column, sum);
              if (open) {
                store<V>(partial.values + 2 * c * width + column, sum);
                first_slot = key;
              } else {
                float* row = table + key * width + column;
                float old[V];
                load<V>(row, old);
#pragma unroll
                for (int k = 0; k < V; ++k) old[k] += sum[k];
                store<V>(row, old);
              }
            }
            open = false;
            key = row_key[u];
#pragma unroll
            for (int k = 0; k < V; ++k) sum[k] = 0;
          }
          source.template add<V>(raw[u], sum);
        }
      }

      std::uint32_t second_slot = no_key;
      if (key != no_key) {
        source.template finish_run<V>(state, key, column, sum);
        if (open || continues) {
          const int slot = open ? 0 : 1;  // a run that fills the whole chunk is open as well
          store<V>(partial.values + (2 * c + slot) * width + column, sum);
          (open ? first_slot : second_slot) = key;
        } else {
          float* row = table + key * width + column;
          float old[V];
          load<V>(row, old);
#pragma unroll
          for (int k = 0; k < V; ++k) old[k] += sum[k];
          store<V>(row, old);
        }
      }
      // An empty entry repeats its neighbour's key, so that it does not break a run in two.
      if (partial.keys != nullptr && blockIdx.y == 0 && team.lane == 0) {
        partial.keys[2 * c] = first_slot != no_key ? first_slot : second_slot;
        partial.order[2 * c] = first_slot != no_key ? static_cast<std::uint32_t>(2 * c) : no_row;
        partial.keys[2 * c + 1] = second_slot != no_key ? second_slot : first_slot;
        partial.order[2 * c + 1] = second_slot != no_key ? static_cast<std::uint32_t>(2 * c + 1) : no_row;
      }
    }
  }
  source.template finish_block<V>(state, team, column);
}

// red.global.add: one instruction for four floats where the GPU has it.
template <int V>
__device__ __forceinline__ void atomic_add(float* to, const float (&values)[V]) {
#if __CUDA_ARCH__ >= 900
  constexpr int step = V == 8 ? 4 : 1;
#else
  constexpr int step = 1;
#endif
#pragma unroll
  for (int i = 0; i < V; i += step) {
    if constexpr (step == 4)
      atomicAdd(reinterpret_cast<float4*>(to + i),
                make_float4(values[i], values[i + 1], values[i + 2], values[i + 3]));
    else
      atomicAdd(to + i, values[i]);
  }
}

// The alternative: rows are added in any order.
template <class Source, int V>
__global__ void __launch_bounds__(block_threads, resident_blocks)
    atomic_sum_kernel(Source source, const std::uint32_t* __restrict__ ids, std::int64_t count,
                      std::int64_t width, int team_size, float* __restrict__ table) {
  constexpr int unroll = 4;
  const Team team(team_size);
  const std::int64_t column = team.column<V>(blockIdx.y);
  const bool active = column < width;
  typename Source::template State<V> state{};
  if (active) {
    source.template start<V>(state, column);
    for (std::int64_t i = team.index * unroll; i < count; i += team.count * unroll) {
      typename Source::template Raw<V> raw[unroll];
#pragma unroll
      for (int u = 0; u < unroll; ++u)
        raw[u] = i + u < count ? source.template load<V>(static_cast<std::uint32_t>(i + u), column)
                               : source.template zero<V>();
#pragma unroll
      for (int u = 0; u < unroll; ++u) {
        if (i + u >= count) continue;
        float row[V] = {};
        source.template add<V>(raw[u], row);
        const std::uint32_t id = ids[i + u];
        source.template finish_run<V>(state, id, column, row);
        atomic_add<V>(table + id * width + column, row);
      }
    }
  }
  source.template finish_block<V>(state, team, column);
}

// Blocks that take part in a scatter-add. Sources that leave a partial sum per block need to know.
inline std::int64_t scatter_blocks(const ops::ScatterPlan<Cuda>& plan, const RowShape& shape) {
  const std::int64_t work = plan.sorted
                                ? (plan.count + chunk_length(plan.count) - 1) / chunk_length(plan.count)
                                : (plan.count + 3) / 4;
  return std::min<std::int64_t>(partial_blocks * 4, blocks_for(work, shape.rows_per_block()));
}

// The memory of the partial lists of all levels, added to `memory` and resolved by `lists` after its fetch.
class PartialLevels {
 public:
  PartialLevels(const ops::ScatterPlan<Cuda>& plan, std::int64_t width, Scratch& memory) {
    if (!plan.sorted) return;
    for (std::int64_t count = plan.count;;) {
      const int chunk = chunk_length(count);
      const std::int64_t chunks = (count + chunk - 1) / chunk;
      if (chunks <= 1) return;
      count = 2 * chunks;
      offsets_.push_back({memory.add<std::uint32_t>(count), memory.add<std::uint32_t>(count),
                          memory.add<float>(count * width)});
    }
  }
  PartialList list(const Scratch& memory, std::size_t level) const {
    if (level >= offsets_.size()) return {};
    const auto& at = offsets_[level];
    return {memory.at<std::uint32_t>(at[0]), memory.at<std::uint32_t>(at[1]), memory.at<float>(at[2])};
  }

 private:
  std::vector<std::array<std::size_t, 3>> offsets_;
};

// table[ids[i], :] += row i of `source`, for all planned i. `memory` was fetched after `levels` was made.
template <class Source>
void scatter_add(Context<Cuda>& context, const ops::ScatterPlan<Cuda>& plan, const Source& source,
                 const RowShape& shape, Matrix<float> table, const PartialLevels& levels,
                 const Scratch& memory) {
  if (plan.count == 0) return;
  const dim3 grid(static_cast<unsigned>(scatter_blocks(plan, shape)), grid_for(1, 1, shape.tiles).y);
  with_vector(shape, [&](auto vector) {
    constexpr int V = decltype(vector)::value;
    if (!plan.sorted) {
      atomic_sum_kernel<Source, V><<<grid, block_threads, 0, context.stream()>>>(
          source, plan.ids, plan.count, table.cols, shape.team, table.data);
      check_launch("atomic_sum_kernel");
      return;
    }
    int chunk = chunk_length(plan.count);
    std::int64_t chunks = (plan.count + chunk - 1) / chunk;
    PartialList list = levels.list(memory, 0);
    segmented_sum_kernel<Source, V><<<grid, block_threads, 0, context.stream()>>>(
        source, plan.keys.data(), plan.order.data(), plan.count, chunk, chunks, table.cols, shape.team,
        table.data, list);
    check_launch("segmented_sum_kernel");
    for (std::size_t level = 1; chunks > 1; ++level) {
      const std::int64_t count = 2 * chunks;
      const PartialList next = levels.list(memory, level);
      chunk = chunk_length(count);
      chunks = (count + chunk - 1) / chunk;
      const dim3 level_grid(static_cast<unsigned>(std::min<std::int64_t>(
                                partial_blocks * 4, blocks_for(chunks, shape.rows_per_block()))),
                            grid.y);
      segmented_sum_kernel<RowSource<float>, V><<<level_grid, block_threads, 0, context.stream()>>>(
          RowSource<float>{list.values, table.cols}, list.keys, list.order, count, chunk, chunks, table.cols,
          shape.team, table.data, next);
      check_launch("segmented_sum_kernel");
      list = next;
    }
  });
}

}  // namespace neumf::cuda
