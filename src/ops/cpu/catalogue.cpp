#include "neumf/ops/catalogue.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "../instantiate.hpp"
#include "lanes.hpp"
#include "parallel.hpp"
#include "partial_sums.hpp"
#include "vector.hpp"
#include "vector_math.hpp"

namespace neumf::ops {

template <class Device, class T>
void gather_weighted(Context<Device>& context, Matrix<const T> table, const std::uint32_t* rows,
                     const float* weight, Matrix<T> out) {
  cpu::parallel_ranges(context, out.rows, 64, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      const T* from = table.row(rows[g]);
      T* to = out.row(g);
#pragma omp simd
      for (std::int64_t k = 0; k < out.cols; ++k) to[k] = from_float<T>(weight[k] * to_float(from[k]));
    }
  });
}

template <>
void catalogue_softmax<Cpu>(Context<Cpu>& context, const TrainingSetView& set, const std::uint32_t* rows,
                            std::uint32_t first_row, float scale, const float* loss_scale,
                            Matrix<float> logits, double* loss) {
  const float factor = scale * loss_scale[0];
  const std::int64_t items = logits.cols, grain = std::max<std::int64_t>(4096 / items, 1);
  cpu::PartialSums<double> sums(context.threads(), 1);
  cpu::parallel_ranges(context, logits.rows, grain, [&](int thread, std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      float* z = logits.row(g);
      const std::uint32_t user = rows[g] - first_row;
      const std::uint64_t first = set.offsets[user], last = set.offsets[user + 1];
      float largest = z[0], sum = 0;
#pragma omp simd reduction(max : largest)
      for (std::int64_t j = 0; j < items; ++j) largest = std::max(largest, z[j]);
      double positives = 0;
      for (std::uint64_t p = first; p < last; ++p) positives += z[set.items[p]] - largest;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t j = 0; j < items; ++j) {
        z[j] = cpu::exp_of_negative(z[j] - largest);
        sum += z[j];
      }
      const auto n = static_cast<float>(last - first);
      sums.row(thread)[0] += static_cast<double>(n) * std::log(sum) - positives;
      const float share = factor * n / sum;
#pragma omp simd
      for (std::int64_t j = 0; j < items; ++j) z[j] *= share;
      for (std::uint64_t p = first; p < last; ++p) z[set.items[p]] -= factor;
    }
  });
  sums.add_to(loss);
}

template <class Device, class T>
void scatter_weighted(Context<Device>& context, Matrix<const T> table, const std::uint32_t* rows,
                      const float* weight, Matrix<const float> gradient, Matrix<float> table_grad,
                      float* weight_grad) {
  cpu::PartialSums<float> sums(context.threads(), gradient.cols);
  cpu::parallel_ranges(context, gradient.rows, 64, [&](int thread, std::int64_t begin, std::int64_t end) {
    float* sum = sums.row(thread);
    for (std::int64_t g = begin; g < end; ++g) {
      const T* from = table.row(rows[g]);
      const float* d = gradient.row(g);
      float* to = table_grad.row(rows[g]);
#pragma omp simd
      for (std::int64_t k = 0; k < gradient.cols; ++k) {
        to[k] += weight[k] * d[k];
        sum[k] += d[k] * to_float(from[k]);
      }
    }
  });
  sums.add_to(weight_grad);
}

NEUMF_FOR_EACH_TYPE(NEUMF_CATALOGUE, Cpu)

}  // namespace neumf::ops
