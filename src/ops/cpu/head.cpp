#include "neumf/ops/head.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "parallel.hpp"
#include "partial_sums.hpp"
#include "vector.hpp"

namespace neumf::ops {
namespace {

float dot(const float* a, const float* b, std::int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

float loss_of(float z, float y) {
  return std::max(z, 0.0f) - z * y + std::log1p(std::exp(-std::fabs(z)));
}

}  // namespace

template <>
void bias_forward<Cpu>(Context<Cpu>& /*context*/, std::int64_t samples, const float* bias, float* logits) {
  std::fill(logits, logits + samples, bias[0]);
}

template <class Device, class T>
void head_forward(Context<Device>& context, Matrix<const T> h, const float* weight, float* logits) {
  const auto width = static_cast<std::size_t>(h.cols);
  cpu::parallel_ranges(context, h.rows, 256, [&](int, std::int64_t begin, std::int64_t end) {
    std::vector<float> buffer(width);
    for (std::int64_t s = begin; s < end; ++s)
      logits[s] += dot(cpu::floats(h.row(s), buffer.data(), width), weight, h.cols);
  });
}

template <class Device, class T>
void head_loss(Context<Device>& context, Matrix<const T> h, const float* weight, const std::uint8_t* labels,
               float scale, const float* loss_scale, float keep_scale, float* logits, float* dlogits,
               Matrix<T> dh, float* weight_grad, float* bias_grad, double* loss) {
  const std::int64_t width = h.cols;
  cpu::PartialSums<float> weight_sums(context.threads(), width);
  const float factor = scale * loss_scale[0];
  cpu::PartialSums<double> sums(context.threads(), 2);  // loss, bias gradient
  cpu::parallel_ranges(context, h.rows, 256, [&](int thread, std::int64_t begin, std::int64_t end) {
    std::vector<float> buffer(static_cast<std::size_t>(width)), scaled(static_cast<std::size_t>(width));
    float* weight_sum = weight_sums.row(thread);
    double* sum = sums.row(thread);
    for (std::int64_t s = begin; s < end; ++s) {
      const float* row = cpu::floats(h.row(s), buffer.data(), static_cast<std::size_t>(width));
      const float z = logits[s] + dot(row, weight, width);
      const float y = labels[s] != 0 ? 1.0f : 0.0f;
      const float d = factor * (1.0f / (1.0f + std::exp(-z)) - y);
      logits[s] = z;
      dlogits[s] = d;
      sum[0] += loss_of(z, y);
      sum[1] += d;
      cpu::axpy(weight_sum, d, row, width);
      float* out = scaled.data();
#pragma omp simd
      for (std::int64_t k = 0; k < width; ++k) out[k] = row[k] > 0.0f ? d * keep_scale * weight[k] : 0.0f;
      cpu::narrow(out, dh.row(s), static_cast<std::size_t>(width));
    }
  });
  weight_sums.add_to(weight_grad);
  double total[2] = {0, 0};
  sums.add_to(total);
  loss[0] += total[0];
  bias_grad[0] += static_cast<float>(total[1]);
}

template <>
void logit_loss<Cpu>(Context<Cpu>& context, std::int64_t samples, const float* logits,
                     const std::uint8_t* labels, float scale, const float* loss_scale, float* dlogits,
                     float* bias_grad, double* loss) {
  const float factor = scale * loss_scale[0];
  cpu::PartialSums<double> sums(context.threads(), 2);  // loss, bias gradient
  cpu::parallel_ranges(context, samples, 1024, [&](int thread, std::int64_t begin, std::int64_t end) {
    double* sum = sums.row(thread);
    for (std::int64_t s = begin; s < end; ++s) {
      const float z = logits[s], y = labels[s] != 0 ? 1.0f : 0.0f;
      const float d = factor * (1.0f / (1.0f + std::exp(-z)) - y);
      dlogits[s] = d;
      sum[0] += loss_of(z, y);
      sum[1] += d;
    }
  });
  double total[2] = {0, 0};
  sums.add_to(total);
  loss[0] += total[0];
  bias_grad[0] += static_cast<float>(total[1]);
}

template <>
void bce_loss<Cpu>(Context<Cpu>& context, std::int64_t samples, const float* logits,
                   const std::uint8_t* labels, double* loss) {
  cpu::PartialSums<double> sums(context.threads(), 1);
  cpu::parallel_ranges(context, samples, 1024, [&](int thread, std::int64_t begin, std::int64_t end) {
    double sum = 0;
    for (std::int64_t s = begin; s < end; ++s) sum += loss_of(logits[s], labels[s] != 0 ? 1.0f : 0.0f);
    sums.row(thread)[0] += sum;
  });
  sums.add_to(loss);
}

#define NEUMF_INSTANTIATE(T)                                                                                \
  template void head_forward<Cpu, T>(Context<Cpu>&, Matrix<const T>, const float*, float*);                 \
  template void head_loss<Cpu, T>(Context<Cpu>&, Matrix<const T>, const float*, const std::uint8_t*, float, \
                                  const float*, float, float*, float*, Matrix<T>, float*, float*, double*);
NEUMF_INSTANTIATE(float)
NEUMF_INSTANTIATE(bfloat16)
NEUMF_INSTANTIATE(float16)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::ops
