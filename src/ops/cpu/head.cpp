#include "neumf/ops/head.hpp"

#include <algorithm>
#include <vector>

#include "../instantiate.hpp"
#include "loss.hpp"
#include "parallel.hpp"
#include "partial_sums.hpp"

namespace neumf::ops {
namespace {

// Samples whose losses are computed as vectors.
constexpr std::int64_t tile = 64;

// out[s] += h[s, :] . weight for `rows` rows. A width that is known spares short rows most of the loop.
template <std::int64_t known, class T>
void add_dots(const T* h, const float* weight, std::int64_t rows, std::int64_t width, float* out) {
  const std::int64_t n = known > 0 ? known : width;
  for (std::int64_t s = 0; s < rows; ++s) {
    const T* row = h + s * n;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t k = 0; k < n; ++k) sum += to_float(row[k]) * weight[k];
    out[s] += sum;
  }
}

template <class T>
void add_dots(const T* h, const float* weight, std::int64_t rows, std::int64_t width, float* out) {
  if (width == 8) return add_dots<8>(h, weight, rows, width, out);
  if (width == 16) return add_dots<16>(h, weight, rows, width, out);
  if (width == 32) return add_dots<32>(h, weight, rows, width, out);
  if (width == 64) return add_dots<64>(h, weight, rows, width, out);
  return add_dots<0>(h, weight, rows, width, out);
}

// weight_sum += sum over s of d[s] h[s, :]; dh[s, :] = d[s] scaled_weight where h
// > 0.
template <std::int64_t known, class T>
void backward_rows(const T* h, const float* scaled_weight, const float* d, std::int64_t rows,
                   std::int64_t width, float* weight_sum, T* dh) {
  const std::int64_t n = known > 0 ? known : width;
  for (std::int64_t s = 0; s < rows; ++s) {
    const T* row = h + s * n;
    T* out = dh + s * n;
    const float gradient = d[s];
#pragma omp simd
    for (std::int64_t k = 0; k < n; ++k) {
      const float active = to_float(row[k]), value = gradient * scaled_weight[k];
      weight_sum[k] += gradient * active;
      out[k] = from_float<T>(active > 0.0f ? value : 0.0f);
    }
  }
}

template <class T>
void backward_rows(const T* h, const float* scaled_weight, const float* d, std::int64_t rows,
                   std::int64_t width, float* weight_sum, T* dh) {
  if (width == 8) return backward_rows<8>(h, scaled_weight, d, rows, width, weight_sum, dh);
  if (width == 64) return backward_rows<64>(h, scaled_weight, d, rows, width, weight_sum, dh);
  return backward_rows<0>(h, scaled_weight, d, rows, width, weight_sum, dh);
}

// Adds what each thread has summed: the loss and the gradient of the bias.
void add_scalars(const cpu::PartialSums<double>& sums, double* loss, float* bias_grad) {
  double total[2] = {0, 0};
  sums.add_to(total);
  loss[0] += total[0];
  bias_grad[0] += static_cast<float>(total[1]);
}

}  // namespace

template <>
void bias_forward<Cpu>(Context<Cpu>& /*context*/, std::int64_t samples, const float* bias, float* logits) {
  std::fill(logits, logits + samples, bias[0]);
}

template <class Device, class T>
void head_forward(Context<Device>& context, Matrix<const T> h, const float* weight, float* logits) {
  cpu::parallel_ranges(context, h.rows, 256, [&](int, std::int64_t begin, std::int64_t end) {
    add_dots(h.row(begin), weight, end - begin, h.cols, logits + begin);
  });
}

template <class Device, class T>
void head_loss(Context<Device>& context, Matrix<const T> h, const float* weight, const std::uint8_t* labels,
               float scale, const float* loss_scale, float keep_scale, float* logits, float* dlogits,
               Matrix<T> dh, float* weight_grad, float* bias_grad, double* loss) {
  const std::int64_t width = h.cols;
  cpu::PartialSums<float> weight_sums(context.threads(), width);
  cpu::PartialSums<double> sums(context.threads(), 2);  // loss, bias gradient
  const float factor = scale * loss_scale[0];
  std::vector<float> scaled_weight(weight, weight + width);
  for (float& value : scaled_weight) value *= keep_scale;
  cpu::parallel_ranges(context, h.rows, 256, [&](int thread, std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; s += tile) {
      const std::int64_t rows = std::min(tile, end - s);
      add_dots(h.row(s), weight, rows, width, logits + s);
      cpu::loss_and_gradient(logits + s, labels + s, factor, rows, dlogits + s, sums.row(thread));
      backward_rows(h.row(s), scaled_weight.data(), dlogits + s, rows, width, weight_sums.row(thread),
                    dh.row(s));
    }
  });
  weight_sums.add_to(weight_grad);
  add_scalars(sums, loss, bias_grad);
}

template <class Device, class T>
void head_backward(Context<Device>& context, Matrix<const T> h, const float* weight, const float* dlogits,
                   float keep_scale, Matrix<T> dh, float* weight_grad) {
  cpu::PartialSums<float> weight_sums(context.threads(), h.cols);
  std::vector<float> scaled_weight(weight, weight + h.cols);
  for (float& value : scaled_weight) value *= keep_scale;
  cpu::parallel_ranges(context, h.rows, 256, [&](int thread, std::int64_t begin, std::int64_t end) {
    backward_rows(h.row(begin), scaled_weight.data(), dlogits + begin, end - begin, h.cols,
                  weight_sums.row(thread), dh.row(begin));
  });
  weight_sums.add_to(weight_grad);
}

template <>
void logit_loss<Cpu>(Context<Cpu>& context, std::int64_t samples, const float* logits,
                     const std::uint8_t* labels, float scale, const float* loss_scale, float* dlogits,
                     float* bias_grad, double* loss) {
  const float factor = scale * loss_scale[0];
  cpu::PartialSums<double> sums(context.threads(), 2);  // loss, bias gradient
  cpu::parallel_ranges(context, samples, 1024, [&](int thread, std::int64_t begin, std::int64_t end) {
    cpu::loss_and_gradient(logits + begin, labels + begin, factor, end - begin, dlogits + begin,
                           sums.row(thread));
  });
  add_scalars(sums, loss, bias_grad);
}

template <>
void bce_loss<Cpu>(Context<Cpu>& context, std::int64_t samples, const float* logits,
                   const std::uint8_t* labels, double* loss) {
  cpu::PartialSums<double> sums(context.threads(), 1);
  cpu::parallel_ranges(context, samples, 1024, [&](int thread, std::int64_t begin, std::int64_t end) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t s = begin; s < end; ++s)
      sum += cpu::loss_of(logits[s], labels[s] != 0 ? 1.0f : 0.0f, cpu::exp_of_distance(logits[s]));
    sums.row(thread)[0] += sum;
  });
  sums.add_to(loss);
}

NEUMF_FOR_EACH_TYPE(NEUMF_HEAD, Cpu)

}  // namespace neumf::ops
