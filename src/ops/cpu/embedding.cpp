#include "neumf/ops/embedding.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "../instantiate.hpp"
#include "neumf/core/error.hpp"
#include "parallel.hpp"
#include "row_owner.hpp"
#include "vector.hpp"

namespace neumf::ops {

template <class Device, class T>
void gather_rows(Context<Device>& context, Matrix<const T> table, const std::uint32_t* ids, Matrix<T> out) {
  const auto row_bytes = static_cast<std::size_t>(table.cols) * sizeof(T);
  cpu::parallel_ranges(context, out.rows, 512, [&](int, std::int64_t begin, std::int64_t end) {
    constexpr std::int64_t ahead = 8;
    for (std::int64_t i = begin; i < end; ++i) {
      if (i + ahead < end) cpu::prefetch(table.row(ids[i + ahead]), table.cols);
      std::memcpy(out.row(i), table.row(ids[i]), row_bytes);
    }
  });
}

template <>
void plan_scatter<Cpu>(Context<Cpu>& context, const std::uint32_t* ids, std::int64_t count,
                       std::int64_t /*rows*/, ScatterPlan<Cpu>& plan) {
  const auto threads = static_cast<std::uint32_t>(context.threads());
  plan.ids = ids;
  if (plan.offsets.size() != threads + 1) plan.offsets = Tensor<std::int64_t, Cpu>(threads + 1);
  std::int64_t* offsets = plan.offsets.data();
  std::uint32_t* order = plan.order.data();
  offsets[0] = 0;
  if (threads == 1) {
    offsets[1] = count;
    std::iota(order, order + count, 0u);
    return;
  }
  // Each thread scans all ids and lists its own: reading 4 bytes per sample costs less than sharing the work.
  // It counts those of the threads before it first, so that the lists are contiguous.
#pragma omp parallel for num_threads(static_cast <int>(threads)) schedule(static, 1) if (count >= 1024)
  for (std::uint32_t thread = 0; thread < threads; ++thread) {
    std::int64_t before = 0;
#pragma omp simd reduction(+ : before)
    for (std::int64_t i = 0; i < count; ++i) before += cpu::owner(ids[i], threads) < thread;
    std::uint32_t* out = order + before;
    const auto owned = [&](std::int64_t i) { return cpu::owner(ids[i], threads) == thread; };
    cpu::for_wanted(count, owned, [&](const std::uint32_t* positions, std::int64_t n) {
      out = std::copy(positions, positions + n, out);
    });
    offsets[thread + 1] = out - order;
  }
}

template <class Device, class T>
void scatter_add_rows(Context<Device>& context, const ScatterPlan<Device>& plan, Matrix<const T> values,
                      Matrix<float> table) {
  const int threads = context.threads();
  const auto width = static_cast<std::size_t>(table.cols);
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1 && values.rows >= 256)
  for (int thread = 0; thread < threads; ++thread) {
    std::vector<float> buffer(width);
    const std::int64_t last = plan.offsets.data()[thread + 1];
    constexpr std::int64_t ahead = 4;
    for (std::int64_t j = plan.offsets.data()[thread]; j < last; ++j) {
      if (j + ahead < last) cpu::prefetch(table.row(plan.ids[plan.order.data()[j + ahead]]), table.cols);
      const std::uint32_t i = plan.order.data()[j];
      cpu::add(table.row(plan.ids[i]), cpu::floats(values.row(i), buffer.data(), width), table.cols);
    }
  }
}

NEUMF_FOR_EACH_TYPE(NEUMF_EMBEDDING, Cpu)

}  // namespace neumf::ops
