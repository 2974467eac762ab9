#include <cmath>
#include <vector>

#include "../instantiate.hpp"
#include "../product.hpp"
#include "activation.cuh"
#include "matmul.hpp"
#include "neumf/core/cuda/pack.cuh"
#include "neumf/ops/memory.hpp"
#include "partial_sums.cuh"
#include "trial.hpp"

namespace neumf::ops {
namespace {

constexpr int unroll = 4;  // rows in flight per team
// Operations that have a fused and a plain way, see trial.hpp.
enum Operation { backward_input, backward_weights };

// y = dropout(relu(y + bias)) in place.
template <class T, int V>
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    activate_kernel(BatchView batch, const float* __restrict__ bias, Dropout dropout, std::int64_t rows,
                    std::int64_t width, int team_size, T* __restrict__ y) {
  dropout = dropout.read();
  const cuda::Team team(team_size);
  const std::int64_t column = team.column<V>(blockIdx.y);
  const std::int64_t first = team.index * unroll;
  if (first >= rows || column >= width) return;
  cuda::Pack<T, V> raw[unroll];
#pragma unroll
  for (int u = 0; u < unroll; ++u)
    raw[u] = cuda::Pack<T, V>::load(y + min(first + u, rows - 1) * width + column);
  float b[V];
  cuda::load<V>(bias + column, b);
#pragma unroll
  for (int u = 0; u < unroll; ++u) {
    const std::int64_t s = first + u;
    if (s >= rows) break;
    float values[V];
    raw[u].widen_to(values);
#pragma unroll
    for (int i = 0; i < V; ++i) values[i] += b[i];
    std::uint64_t id = 0;
    if (dropout.active()) {
      const auto group_size = static_cast<std::uint32_t>(batch.group_size);
      const auto sample = static_cast<std::uint32_t>(s);
      id = batch.ids[sample / group_size] + sample % group_size;
    }
    cuda::activate<V>(dropout, id, column, values);
    cuda::store<V>(y + s * width + column, values);
  }
}

// dx = x > 0 ? dx * keep_scale : 0, in place and regardless of rows.
template <class T, int V>
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    mask_kernel(const T* __restrict__ x, float keep_scale, std::int64_t count, T* __restrict__ dx) {
  const std::int64_t first = (blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x) * V;
  if (first >= count) return;
  float active[V], values[V];
  cuda::load<V>(x + first, active);
  cuda::load<V>(dx + first, values);
#pragma unroll
  for (int i = 0; i < V; ++i) values[i] = active[i] > 0.0f ? values[i] * keep_scale : 0.0f;
  cuda::store<V>(dx + first, values);
}

// bit j of row i = x[i, j] > 0, eight columns per thread; rows are `row_bytes` bytes apart.
template <class T>
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    mask_bits_kernel(const T* __restrict__ x, std::int64_t rows, std::uint32_t row_octets,
                     std::int64_t row_bytes, std::uint8_t* __restrict__ bits) {
  const std::int64_t i = blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x;
  if (i >= rows * row_octets) return;
  float values[8];
  cuda::load<8>(x + i * 8, values);
  std::uint32_t octet = 0;
#pragma unroll
  for (int j = 0; j < 8; ++j) octet |= (values[j] > 0.0f ? 1u : 0u) << j;
  bits[i / row_octets * row_bytes + i % row_octets] = static_cast<std::uint8_t>(octet);
}

// Partial column sums of dz, see partial_sums.cuh.
template <class T, int V>
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    column_sums_kernel(const T* __restrict__ dz, std::int64_t rows, std::int64_t width, int team_size,
                       float* __restrict__ partial) {
  const cuda::Team team(team_size);
  const std::int64_t column = team.column<V>(blockIdx.y);
  float sum[V] = {};
  if (column < width) {
    for (std::int64_t first = team.index * unroll; first < rows; first += team.count * unroll) {
      cuda::Pack<T, V> raw[unroll];
#pragma unroll
      for (int u = 0; u < unroll; ++u)
        raw[u] = first + u < rows ? cuda::Pack<T, V>::load(dz + (first + u) * width + column)
                                  : cuda::Pack<T, V>::zero();
#pragma unroll
      for (int u = 0; u < unroll; ++u) cuda::add(raw[u], sum);
    }
  }
  cuda::store_block_sums<V>(team, sum, column, width, partial);
}

// How two results agree: counts[0] differ beyond rounding, counts[1] are not zero in the reference.
template <class T>
__global__ void compare_kernel(const T* __restrict__ got, const T* __restrict__ want, std::int64_t count,
                               unsigned long long* counts) {
  std::uint32_t differ = 0, filled = 0;
  for (std::int64_t i = blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x; i < count;
       i += gridDim.x * std::int64_t{cuda::block_threads}) {
    const float a = cuda::widen(got[i]), b = cuda::widen(want[i]);
    differ += !(fabsf(a - b) <= 0.02f * fabsf(b));
    filled += b != 0.0f;
  }
  atomicAdd(&counts[0], differ);
  atomicAdd(&counts[1], filled);
}

template <class T, class Out>
cuda::Product product_of(const Product<T, Out>& from) {
  cuda::Product product{};
  product.in = cuda::data_type<T>;
  product.out = cuda::data_type<Out>;
  product.m = from.m();
  product.n = from.n();
  product.k = from.k();
  product.transpose_a = from.transpose_a;
  product.transpose_b = from.transpose_b;
  product.accumulate = from.write == Write::accumulate;
  product.a = from.a.data;
  product.b = from.b.data;
  product.c = from.c.data;
  return product;
}

// dx = dz weight
template <class T>
cuda::Product input_gradient(Matrix<const T> dz, Matrix<const T> weight, Matrix<T> dx) {
  return product_of(Product<T, T>{dz, weight, false, false, Write::overwrite, dx});
}

// weight_grad += dz^T x
template <class T>
cuda::Product weight_gradient(Matrix<const T> dz, Matrix<const T> x, Matrix<float> weight_grad) {
  return product_of(Product<T, float>{dz, x, true, false, Write::accumulate, weight_grad});
}

template <class T>
void apply_mask(Context<Cuda>& context, Matrix<const T> x, float keep_scale, Matrix<T> dx) {
  const bool wide = cuda::aligned(x.data, 16) && cuda::aligned(dx.data, 16);
  cuda::in_vectors(dx.size(), wide, [&](auto vector, std::int64_t begin, std::int64_t end) {
    constexpr int V = decltype(vector)::value;
    mask_kernel<T, V><<<cuda::blocks_for(end - begin, cuda::block_threads * V), cuda::block_threads, 0,
                        context.stream()>>>(x.data + begin, keep_scale, end - begin, dx.data + begin);
    cuda::check_launch("mask_kernel");
  });
}

template <class T>
void add_column_sums(Context<Cuda>& context, Matrix<const T> dz, float* out) {
  const auto shape = cuda::row_shape(dz.cols, dz.data);
  const std::int64_t blocks = std::min<std::int64_t>(
      cuda::partial_blocks, cuda::blocks_for(dz.rows, shape.rows_per_block() * unroll));
  float* partial = cuda::scratch<float>(context, blocks * dz.cols);
  cuda::with_vector(shape, [&](auto vector) {
    constexpr int V = decltype(vector)::value;
    column_sums_kernel<T, V>
        <<<cuda::grid_for(blocks, 1, shape.tiles), cuda::block_threads, 0, context.stream()>>>(
            dz.data, dz.rows, dz.cols, shape.team, partial);
  });
  cuda::check_launch("column_sums_kernel");
  cuda::add_partial_sums(context, partial, blocks, dz.cols, out);
}

// dx as one product whose epilogue masks: x is read once and 1/16 of it written, dx is written once. The
// plain way reads and writes dx once more. False if the library cannot.
template <class T>
bool masked_product(Context<Cuda>& context, Matrix<const T> dz, Matrix<const T> weight, Matrix<const T> x,
                    float keep_scale, Matrix<T> dx) {
  if (x.cols % 8 != 0 || !cuda::aligned(x.data, 16)) return false;
  auto product = input_gradient(dz, weight, dx);
  product.alpha = keep_scale;
  product.epilogue = cuda::Epilogue::mask;
  product.mask_stride = (x.cols + 127) / 128 * 128;
  auto* bits = cuda::scratch<std::uint8_t>(context, x.rows * product.mask_stride / 8);
  const auto octets = static_cast<std::uint32_t>(x.cols / 8);
  mask_bits_kernel<T>
      <<<cuda::blocks_for(x.rows * octets, cuda::block_threads), cuda::block_threads, 0, context.stream()>>>(
          x.data, x.rows, octets, product.mask_stride / 8, bits);
  cuda::check_launch("mask_bits_kernel");
  product.mask = bits;
  return cuda::multiply(context, product);
}

// Whether masked_product gives the plain way's result, and sooner. The library documents that the mask has a
// bit per element, but not their order, so it is put to the test.
template <class T>
bool try_masked_product(Context<Cuda>& context, Matrix<const T> dz, Matrix<const T> weight, Matrix<const T> x,
                        float keep_scale, Matrix<T> dx) {
  // Where memory is short the plain way, which needs none, is as good.
  std::size_t available = 0, total = 0;
  NEUMF_CUDA(cudaMemGetInfo(&available, &total));
  if (available < 2 * static_cast<std::size_t>(dx.size()) * sizeof(T)) return false;
  Tensor<T, Cuda> plain(dx.rows, dx.cols);
  const auto run_plain = [&] {
    cuda::multiply(context, input_gradient(dz, weight, plain.matrix()));
    apply_mask(context, x, keep_scale, plain.matrix());
  };
  const auto run_fused = [&] { return masked_product(context, dz, weight, x, keep_scale, dx); };
  if (!run_fused()) return false;
  run_plain();
  Tensor<std::uint64_t, Cuda> counts(2);
  NEUMF_CUDA(cudaMemsetAsync(counts.data(), 0, counts.bytes(), context.stream()));
  compare_kernel<T><<<cuda::block_threads, cuda::block_threads, 0, context.stream()>>>(
      dx.data, plain.data(), dx.size(), reinterpret_cast<unsigned long long*>(counts.data()));
  cuda::check_launch("compare_kernel");
  std::uint64_t result[2] = {};
  download(context, counts.data(), std::span<std::uint64_t>(result));
  // Sums that cancel may round differently; a wrong mask is wrong in every other element.
  const auto size = static_cast<std::uint64_t>(dx.size());
  if (result[0] > size / 1000 || result[1] < size / 100) return false;
  return cuda::time_of(context, run_fused) < cuda::time_of(context, run_plain);
}

// Weight and bias gradients as one product; `bias_sums` receives the column sums of dz.
template <class T>
bool product_with_bias(Context<Cuda>& context, Matrix<const T> dz, Matrix<const T> x,
                       Matrix<float> weight_grad, float* bias_sums) {
  auto product = weight_gradient(dz, x, weight_grad);
  product.epilogue = cuda::Epilogue::bias_gradient;
  product.bias = bias_sums;
  return cuda::multiply(context, product);
}

template <class T>
bool try_product_with_bias(Context<Cuda>& context, Matrix<const T> dz, Matrix<const T> x) {
  Tensor<float, Cuda> weight_grad(dz.cols, x.cols), fused(dz.cols), plain(dz.cols);
  fill_zero(context, weight_grad.span());
  fill_zero(context, plain.span());
  if (!product_with_bias(context, dz, x, weight_grad.matrix(), fused.data())) return false;
  add_column_sums(context, dz, plain.data());
  std::vector<float> got(static_cast<std::size_t>(dz.cols)), want(got.size());
  download(context, fused.data(), std::span<float>(got));
  download(context, plain.data(), std::span<float>(want));
  float largest = 0;
  for (const float value : want) largest = std::max(largest, std::fabs(value));
  for (std::size_t i = 0; i < got.size(); ++i)
    if (!(std::fabs(got[i] - want[i]) <= 1e-2f * largest)) return false;
  const float fused_time =
      cuda::time_of(context, [&] { product_with_bias(context, dz, x, weight_grad.matrix(), fused.data()); });
  const float plain_time = cuda::time_of(context, [&] {
    cuda::multiply(context, weight_gradient(dz, x, weight_grad.matrix()));
    add_column_sums(context, dz, plain.data());
  });
  return fused_time < plain_time;
}

}  // namespace

namespace device {

template <class Device, class T, class Out>
void multiply(Context<Device>& context, const Product<T, Out>& product) {
  cuda::multiply(context, product_of(product));
}

template <class Device, class T>
void linear_forward(Context<Device>& context, const BatchView& batch, Matrix<const T> x,
                    Matrix<const T> weight, const float* bias, const Dropout& dropout, Matrix<T> y) {
  auto product = product_of(Product<T, T>{x, weight, false, true, Write::overwrite, y});
  // Without dropout the library adds the bias and applies the ReLU while it writes. It wants the bias in the
  // output's type, so in half precision the bias is rounded: done only where it saves a pass over many rows.
  constexpr bool is_float = std::is_same_v<T, float>;
  constexpr std::int64_t worthwhile_rows = 4096;
  if (!dropout.active() && (is_float || y.rows >= worthwhile_rows)) {
    product.epilogue = cuda::Epilogue::bias_relu;
    if constexpr (is_float) {
      product.bias = const_cast<float*>(bias);
    } else {
      T* rounded = cuda::scratch<T>(context, y.cols);
      convert(context, std::span<const float>(bias, static_cast<std::size_t>(y.cols)),
              std::span<T>(rounded, static_cast<std::size_t>(y.cols)));
      product.bias = rounded;
    }
    if (cuda::multiply(context, product)) return;
    product.epilogue = cuda::Epilogue::none;
    product.bias = nullptr;
  }
  // With dropout a pass over y is needed anyway, and adds the bias as it is.
  cuda::multiply(context, product);
  require(y.rows <= context.block_samples(), "a block of {} samples is too large for a GPU", y.rows);
  const auto shape = cuda::row_shape(y.cols, y.data, bias);
  cuda::with_vector(shape, [&](auto vector) {
    constexpr int V = decltype(vector)::value;
    activate_kernel<T, V>
        <<<cuda::grid_for(y.rows, shape.rows_per_block() * unroll, shape.tiles), cuda::block_threads, 0,
           context.stream()>>>(batch, bias, dropout, y.rows, y.cols, shape.team, y.data);
  });
  cuda::check_launch("activate_kernel");
}

template <class Device, class T>
void linear_backward_input(Context<Device>& context, Matrix<const T> dz, Matrix<const T> weight,
                           Matrix<const T> x, float keep_scale, Matrix<T> dx) {
  const bool fused =
      cuda::use_fused(context, backward_input, cuda::data_type<T>, dx.rows, dx.cols, dz.cols,
                      [&] { return try_masked_product(context, dz, weight, x, keep_scale, dx); });
  if (fused && masked_product(context, dz, weight, x, keep_scale, dx)) return;
  cuda::multiply(context, input_gradient(dz, weight, dx));
  apply_mask(context, x, keep_scale, dx);
}

template <class Device, class T>
void linear_backward_weights(Context<Device>& context, Matrix<const T> dz, Matrix<const T> x,
                             Matrix<float> weight_grad, float* bias_grad) {
  const bool fused = cuda::use_fused(context, backward_weights, cuda::data_type<T>, dz.rows, x.cols, dz.cols,
                                     [&] { return try_product_with_bias(context, dz, x); });
  if (fused) {
    float* sums = cuda::scratch<float>(context, dz.cols);
    if (product_with_bias(context, dz, x, weight_grad, sums)) {
      cuda::add_partial_sums(context, sums, 1, dz.cols, bias_grad);
      return;
    }
  }
  cuda::multiply(context, weight_gradient(dz, x, weight_grad));
  add_column_sums(context, dz, bias_grad);
}

NEUMF_FOR_EACH_PRODUCT(NEUMF_PRODUCT, Cuda)
NEUMF_FOR_EACH_TYPE(NEUMF_LINEAR, Cuda)

}  // namespace device
}  // namespace neumf::ops
