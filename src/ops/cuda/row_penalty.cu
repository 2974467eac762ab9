#include "neumf/ops/row_penalty.hpp"

#include "segmented_sum.cuh"

namespace neumf::ops {
namespace {

// Row i is that of the table which the i-th id names, summed as it is and scaled once per run.
struct PenaltySource {
  const float* table;
  const std::uint32_t* ids;
  std::int64_t width;
  float factor;
  const float* loss_scale;

  template <int V>
  struct State {
    float scaled;
  };
  template <int V>
  struct Raw {
    cuda::Pack<float, V> pack;
  };
  template <int V>
  __device__ __forceinline__ void start(State<V>& state, std::int64_t /*column*/) const {
    state.scaled = factor * loss_scale[0];
  }
  template <int V>
  __device__ __forceinline__ Raw<V> zero() const {
    return {cuda::Pack<float, V>::zero()};
  }
  template <int V>
  __device__ __forceinline__ Raw<V> load(std::uint32_t position, std::int64_t column) const {
    return {cuda::Pack<float, V>::load(table + ids[position] * width + column)};
  }
  template <int V>
  __device__ __forceinline__ void add(const Raw<V>& raw, float (&sum)[V]) const {
    float row[V];
    raw.pack.widen_to(row);
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] += row[i];
  }
  template <int V>
  __device__ __forceinline__ void finish_run(State<V>& state, std::uint32_t /*row*/, std::int64_t /*column*/,
                                             float (&sum)[V]) const {
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] *= state.scaled;
  }
  template <int V>
  __device__ __forceinline__ void finish_block(const State<V>& /*state*/, const cuda::Team& /*team*/,
                                               std::int64_t /*column*/) const {}
};

}  // namespace

template <>
void add_row_penalty<Cuda>(Context<Cuda>& context, const ScatterPlan<Cuda>& plan, Matrix<const float> table,
                           float factor, const float* loss_scale, Matrix<float> gradient) {
  if (plan.count == 0 || table.cols == 0) return;
  const auto shape = cuda::row_shape(table.cols, table.data, gradient.data);
  cuda::Scratch memory;
  const cuda::RunMemory runs(plan, table.cols, memory);
  memory.fetch(context);
  const PenaltySource source{table.data, plan.ids, table.cols, factor, loss_scale};
  cuda::scatter_add(context, plan, source, shape, gradient, runs, memory);
}

}  // namespace neumf::ops
