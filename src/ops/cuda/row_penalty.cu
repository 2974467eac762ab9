#include "neumf/ops/row_penalty.hpp"

#include "segmented_sum.cuh"

namespace neumf::ops {
namespace {

// Row i is that of the table which the i-th id names, summed as it is and scaled once per run.
struct PenaltySource : cuda::RowSource<float> {
  const std::uint32_t* ids;
  float factor;
  const float* loss_scale;

  template <int V>
  __device__ __forceinline__ Raw<V> load(std::uint32_t position, std::int64_t column) const {
    return RowSource::load<V>(ids[position], column);
  }
  template <int V>
  __device__ __forceinline__ void finish_run(State<V>& /*state*/, std::uint32_t /*row*/,
                                             std::int64_t /*column*/, float (&sum)[V]) const {
    const float scaled = factor * loss_scale[0];
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] *= scaled;
  }
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
  const PenaltySource source{{table.data, table.cols}, plan.ids, factor, loss_scale};
  cuda::scatter_add(context, plan, source, shape, gradient, runs, memory);
}

}  // namespace neumf::ops
