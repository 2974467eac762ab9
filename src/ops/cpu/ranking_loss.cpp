#include "neumf/ops/ranking_loss.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "lanes.hpp"
#include "neumf/core/error.hpp"
#include "parallel.hpp"
#include "partial_sums.hpp"
#include "vector_math.hpp"

namespace neumf::ops {
namespace {

// A group's samples: from the logits on, `values` [size] becomes dl/dz. Returns the loss.
double bpr(const std::uint32_t* items, const float* z, std::int64_t size, float* values) {
  const float share = 1.0f / static_cast<float>(std::max<std::int64_t>(size - 1, 1));
  float loss = 0, sum = 0;
#pragma omp simd reduction(+ : loss, sum)
  for (std::int64_t j = 1; j < size; ++j) {
    const float x = z[j] - z[0], e = cpu::exp_of_negative(-std::fabs(x));
    const float keep = items[j] != items[0] ? share : 0.0f;
    values[j] = keep * (x >= 0.0f ? 1.0f : e) / (1.0f + e);
    loss += keep * ((x > 0.0f ? x : 0.0f) + cpu::log1p_of_unit(e));
    sum += values[j];
  }
  values[0] = -sum;
  return loss;
}

double softmax(const std::uint32_t* items, const float* z, const float* log_q, std::int64_t size,
               float* values) {
  if (log_q == nullptr)
    std::copy(z, z + size, values);
  else
    for (std::int64_t j = 0; j < size; ++j) values[j] = z[j] - log_q[items[j]];
  const float positive = values[0];
  float largest = positive, sum = 0;
#pragma omp simd reduction(max : largest)
  for (std::int64_t j = 1; j < size; ++j)
    largest = std::max(largest, items[j] != items[0] ? values[j] : positive);
#pragma omp simd reduction(+ : sum)
  for (std::int64_t j = 0; j < size; ++j) {
    const float e = cpu::exp_of_negative(values[j] - largest);
    values[j] = j == 0 || items[j] != items[0] ? e : 0.0f;
    sum += values[j];
  }
  const float scale = 1.0f / sum;
#pragma omp simd
  for (std::int64_t j = 0; j < size; ++j) values[j] *= scale;
  values[0] -= 1.0f;
  return std::log(sum) + (largest - positive);
}

}  // namespace

template <>
void ranking_loss<Cpu>(Context<Cpu>& context, Loss loss, const BatchView& batch, const float* logits,
                       const float* log_q, float scale, const float* loss_scale, float* dlogits,
                       double* loss_sum) {
  require(loss == Loss::bpr || loss == Loss::softmax, "this loss does not compare the samples of a group");
  const std::int64_t size = batch.group_size;
  const float factor = dlogits != nullptr ? scale * loss_scale[0] : 0.0f;
  cpu::PartialSums<double> sums(context.threads(), 1);
  cpu::parallel_ranges(context, batch.groups, std::max<std::int64_t>(1024 / size, 1),
                       [&](int thread, std::int64_t begin, std::int64_t end) {
                         std::vector<float> values(static_cast<std::size_t>(size));
                         double sum = 0;
                         for (std::int64_t g = begin; g < end; ++g) {
                           const std::uint32_t* items = batch.items + g * size;
                           const float* z = logits + g * size;
                           sum += loss == Loss::bpr ? bpr(items, z, size, values.data())
                                                    : softmax(items, z, log_q, size, values.data());
                           if (dlogits == nullptr) continue;
                           for (std::int64_t j = 0; j < size; ++j)
                             dlogits[g * size + j] = factor * values[static_cast<std::size_t>(j)];
                         }
                         sums.row(thread)[0] += sum;
                       });
  sums.add_to(loss_sum);
}

}  // namespace neumf::ops
