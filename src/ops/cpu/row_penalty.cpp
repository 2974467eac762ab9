#include "neumf/ops/row_penalty.hpp"

#include "parallel.hpp"
#include "vector.hpp"

namespace neumf::ops {

template <>
void add_row_penalty<Cpu>(Context<Cpu>& context, const ScatterPlan<Cpu>& plan, Matrix<const float> table,
                          float factor, const float* loss_scale, Matrix<float> gradient) {
  const int threads = context.threads();
  const float scaled = factor * loss_scale[0];
  const std::int64_t count = plan.offsets.data()[threads];
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1 && count >= 256)
  for (int thread = 0; thread < threads; ++thread)
    for (std::int64_t j = plan.offsets.data()[thread]; j < plan.offsets.data()[thread + 1]; ++j) {
      const std::uint32_t id = plan.ids[plan.order.data()[j]];
      cpu::axpy(gradient.row(id), scaled, table.row(id), table.cols);
    }
}

}  // namespace neumf::ops
