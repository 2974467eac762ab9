#include "neumf/ops/head.hpp"

#include "../instantiate.hpp"
#include "neumf/core/cuda/pack.cuh"
#include "partial_sums.cuh"

namespace neumf::ops {
namespace {

__device__ __forceinline__ float loss_of(float z, float y) {
  return (z > 0.0f ? z : 0.0f) - z * y + log1pf(expf(-fabsf(z)));
}

// Rows in flight per team.
constexpr int unroll = 4;

__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    bias_forward_kernel(std::int64_t samples, const float* __restrict__ bias, float* __restrict__ logits) {
  const std::int64_t s = blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x;
  if (s < samples) logits[s] = bias[0];
}

// logits[s] += h[s, :] weight, a team per row and any width.
template <class T, int V>
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    head_forward_kernel(const T* __restrict__ h, std::int64_t rows, std::int64_t width,
                        const float* __restrict__ weight, int team_size, float* __restrict__ logits) {
  const cuda::Team team(team_size);
  const std::int64_t first = team.index * unroll;
  if (first >= rows) return;  // the whole team
  float sums[unroll] = {};
  for (std::int64_t column = team.column<V>(0); column < width; column += team.size * V) {
    cuda::Pack<T, V> raw[unroll];
#pragma unroll
    for (int u = 0; u < unroll; ++u)
      raw[u] = cuda::Pack<T, V>::load(h + min(first + u, rows - 1) * width + column);
    float w[V];
    cuda::load<V>(weight + column, w);
#pragma unroll
    for (int u = 0; u < unroll; ++u) cuda::add_dot(raw[u], w, sums[u]);
  }
#pragma unroll
  for (int u = 0; u < unroll; ++u) {
    const float sum = team.sum(sums[u]);
    if (team.lane == 0 && first + u < rows) logits[first + u] += sum;
  }
}

struct HeadSums {
  float* weight;  // [blocks, width]
  double* loss;   // [blocks]
  double* bias;   // [blocks]
};

// The loss and all gradients of the head. With `complete` the logits are the GMF part still and are completed
// here (rows no wider than a team); otherwise head_forward_kernel has done so, and the grid's second
// dimension goes over tiles of columns.
template <class T, int V, bool complete>
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    head_loss_kernel(const T* __restrict__ h, std::int64_t rows, std::int64_t width,
                     const float* __restrict__ weight, const std::uint8_t* __restrict__ labels, float scale,
                     const float* __restrict__ loss_scale, float keep_scale, int team_size,
                     float* __restrict__ logits, float* __restrict__ dlogits, T* __restrict__ dh,
                     HeadSums partial) {
  const cuda::Team team(team_size);
  const std::int64_t column = team.column<V>(blockIdx.y);
  const bool active = column < width;
  const bool writer = team.lane == 0 && blockIdx.y == 0;  // of what belongs to the row
  const float factor = scale * loss_scale[0];
  float w[V] = {}, weight_sums[V] = {};
  if (active) cuda::load<V>(weight + column, w);
  double loss = 0, bias = 0;
  for (std::int64_t first = team.index * unroll; first < rows; first += team.count * unroll) {
    cuda::Pack<T, V> raw[unroll];
    float z[unroll], y[unroll];
#pragma unroll
    for (int u = 0; u < unroll; ++u) {
      const std::int64_t s = min(first + u, rows - 1);
      raw[u] = active ? cuda::Pack<T, V>::load(h + s * width + column) : cuda::Pack<T, V>::zero();
      // A shuffle does not order accesses: what the writer overwrites, no other lane reads.
      z[u] = !complete || team.lane == 0 ? logits[s] : 0.0f;
      y[u] = labels[s] != 0 ? 1.0f : 0.0f;
    }
#pragma unroll
    for (int u = 0; u < unroll; ++u) {
      const std::int64_t s = first + u;
      if (s >= rows) break;  // the whole team
      float x[V];
      raw[u].widen_to(x);
      if constexpr (complete) {
        float dot = 0;
#pragma unroll
        for (int i = 0; i < V; ++i) dot += x[i] * w[i];
        z[u] = team.sum(z[u] + dot);
      }
      const float d = factor * (1.0f / (1.0f + expf(-z[u])) - y[u]);
      if (writer) {
        if constexpr (complete) logits[s] = z[u];
        dlogits[s] = d;
        loss += loss_of(z[u], y[u]);
        bias += d;
      }
      float out[V];
#pragma unroll
      for (int i = 0; i < V; ++i) {
        weight_sums[i] += d * x[i];
        out[i] = x[i] > 0.0f ? d * keep_scale * w[i] : 0.0f;
      }
      if (active) cuda::store<V>(dh + s * width + column, out);
    }
  }
  cuda::store_block_sums<V>(team, weight_sums, column, width, partial.weight);
  if (blockIdx.y != 0) return;  // the whole block
  const double block_loss = cuda::block_sum(loss), block_bias = cuda::block_sum(bias);
  if (threadIdx.x == 0) {
    partial.loss[blockIdx.x] = block_loss;
    partial.bias[blockIdx.x] = block_bias;
  }
}

// The gradients of the head alone; the grid's second dimension goes over tiles of columns.
template <class T, int V>
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    head_backward_kernel(const T* __restrict__ h, std::int64_t rows, std::int64_t width,
                         const float* __restrict__ weight, const float* __restrict__ dlogits,
                         float keep_scale, int team_size, T* __restrict__ dh, float* __restrict__ partial) {
  const cuda::Team team(team_size);
  const std::int64_t column = team.column<V>(blockIdx.y);
  const bool active = column < width;
  float w[V] = {}, weight_sums[V] = {};
  if (active) cuda::load<V>(weight + column, w);
  for (std::int64_t first = team.index * unroll; active && first < rows; first += team.count * unroll) {
    cuda::Pack<T, V> raw[unroll];
    float d[unroll];
#pragma unroll
    for (int u = 0; u < unroll; ++u) {
      const std::int64_t s = min(first + u, rows - 1);
      raw[u] = cuda::Pack<T, V>::load(h + s * width + column);
      d[u] = dlogits[s];
    }
#pragma unroll
    for (int u = 0; u < unroll; ++u) {
      if (first + u >= rows) break;
      float x[V], out[V];
      raw[u].widen_to(x);
#pragma unroll
      for (int i = 0; i < V; ++i) {
        weight_sums[i] += d[u] * x[i];
        out[i] = x[i] > 0.0f ? d[u] * keep_scale * w[i] : 0.0f;
      }
      cuda::store<V>(dh + (first + u) * width + column, out);
    }
  }
  cuda::store_block_sums<V>(team, weight_sums, column, width, partial);
}

// loss[0] += the blocks' losses; bias_grad[0] += their bias gradients.
__global__ void head_scalars_kernel(HeadSums partial, std::int64_t blocks, float* bias_grad, double* loss) {
  double loss_sum = 0, bias_sum = 0;
  for (std::int64_t i = threadIdx.x; i < blocks; i += cuda::block_threads) {
    loss_sum += partial.loss[i];
    bias_sum += partial.bias[i];
  }
  loss_sum = cuda::block_sum(loss_sum);
  bias_sum = cuda::block_sum(bias_sum);
  if (threadIdx.x == 0) {
    loss[0] += loss_sum;
    bias_grad[0] += static_cast<float>(bias_sum);
  }
}

// head_loss_kernel without an MLP part, and complete logits: a thread per sample.
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    logit_loss_kernel(std::int64_t samples, const float* __restrict__ logits,
                      const std::uint8_t* __restrict__ labels, float scale,
                      const float* __restrict__ loss_scale, float* __restrict__ dlogits, HeadSums partial) {
  const float factor = scale * loss_scale[0];
  double loss = 0, bias = 0;
  for (std::int64_t s = blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x; s < samples;
       s += gridDim.x * std::int64_t{cuda::block_threads}) {
    const float z = logits[s], y = labels[s] != 0 ? 1.0f : 0.0f;
    const float d = factor * (1.0f / (1.0f + expf(-z)) - y);
    dlogits[s] = d;
    loss += loss_of(z, y);
    bias += d;
  }
  const double block_loss = cuda::block_sum(loss), block_bias = cuda::block_sum(bias);
  if (threadIdx.x == 0) {
    partial.loss[blockIdx.x] = block_loss;
    partial.bias[blockIdx.x] = block_bias;
  }
}

__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    bce_loss_kernel(std::int64_t samples, const float* __restrict__ logits,
                    const std::uint8_t* __restrict__ labels, double* __restrict__ partial) {
  double sum = 0;
  for (std::int64_t s = blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x; s < samples;
       s += gridDim.x * std::int64_t{cuda::block_threads})
    sum += loss_of(logits[s], labels[s] != 0 ? 1.0f : 0.0f);
  sum = cuda::block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

template <class T>
void complete_logits(Context<Cuda>& context, Matrix<const T> h, const float* weight,
                     const cuda::RowShape& shape, float* logits) {
  cuda::with_vector(shape, [&](auto vector) {
    constexpr int V = decltype(vector)::value;
    head_forward_kernel<T, V>
        <<<cuda::blocks_for(h.rows, shape.rows_per_block() * unroll), cuda::block_threads, 0,
           context.stream()>>>(h.data, h.rows, h.cols, weight, shape.team, logits);
  });
  cuda::check_launch("head_forward_kernel");
}

}  // namespace

template <>
void bias_forward<Cuda>(Context<Cuda>& context, std::int64_t samples, const float* bias, float* logits) {
  if (samples == 0) return;
  bias_forward_kernel<<<cuda::blocks_for(samples, cuda::block_threads), cuda::block_threads, 0,
                        context.stream()>>>(samples, bias, logits);
  cuda::check_launch("bias_forward_kernel");
}

template <class Device, class T>
void head_forward(Context<Device>& context, Matrix<const T> h, const float* weight, float* logits) {
  if (h.size() == 0) return;
  complete_logits(context, h, weight, cuda::row_shape(h.cols, h.data, weight), logits);
}

template <class Device, class T>
void head_loss(Context<Device>& context, Matrix<const T> h, const float* weight, const std::uint8_t* labels,
               float scale, const float* loss_scale, float keep_scale, float* logits, float* dlogits,
               Matrix<T> dh, float* weight_grad, float* bias_grad, double* loss) {
  if (h.size() == 0) return;
  const auto shape = cuda::row_shape(h.cols, h.data, weight, dh.data);
  const std::int64_t blocks =
      std::min<std::int64_t>(cuda::partial_blocks, cuda::blocks_for(h.rows, shape.rows_per_block() * unroll));
  cuda::Scratch memory;
  const std::size_t weight_at = memory.add<float>(blocks * h.cols);
  const std::size_t loss_at = memory.add<double>(blocks), bias_at = memory.add<double>(blocks);
  memory.fetch(context);
  const HeadSums partial{memory.at<float>(weight_at), memory.at<double>(loss_at), memory.at<double>(bias_at)};
  const dim3 grid = cuda::grid_for(blocks, 1, shape.tiles);
  if (shape.tiles > 1) complete_logits(context, h, weight, shape, logits);
  cuda::with_vector(shape, [&](auto vector) {
    constexpr int V = decltype(vector)::value;
    const auto kernel = shape.tiles == 1 ? head_loss_kernel<T, V, true> : head_loss_kernel<T, V, false>;
    kernel<<<grid, cuda::block_threads, 0, context.stream()>>>(h.data, h.rows, h.cols, weight, labels, scale,
                                                               loss_scale, keep_scale, shape.team, logits,
                                                               dlogits, dh.data, partial);
  });
  cuda::check_launch("head_loss_kernel");
  cuda::add_partial_sums(context, partial.weight, blocks, h.cols, weight_grad);
  head_scalars_kernel<<<1, cuda::block_threads, 0, context.stream()>>>(partial, blocks, bias_grad, loss);
  cuda::check_launch("head_scalars_kernel");
}

template <class Device, class T>
void head_backward(Context<Device>& context, Matrix<const T> h, const float* weight, const float* dlogits,
                   float keep_scale, Matrix<T> dh, float* weight_grad) {
  if (h.size() == 0) return;
  const auto shape = cuda::row_shape(h.cols, h.data, weight, dh.data);
  const std::int64_t blocks =
      std::min<std::int64_t>(cuda::partial_blocks, cuda::blocks_for(h.rows, shape.rows_per_block() * unroll));
  float* partial = cuda::scratch<float>(context, blocks * h.cols);
  const dim3 grid = cuda::grid_for(blocks, 1, shape.tiles);
  cuda::with_vector(shape, [&](auto vector) {
    constexpr int V = decltype(vector)::value;
    head_backward_kernel<T, V><<<grid, cuda::block_threads, 0, context.stream()>>>(
        h.data, h.rows, h.cols, weight, dlogits, keep_scale, shape.team, dh.data, partial);
  });
  cuda::check_launch("head_backward_kernel");
  cuda::add_partial_sums(context, partial, blocks, h.cols, weight_grad);
}

template <>
void logit_loss<Cuda>(Context<Cuda>& context, std::int64_t samples, const float* logits,
                      const std::uint8_t* labels, float scale, const float* loss_scale, float* dlogits,
                      float* bias_grad, double* loss) {
  if (samples == 0) return;
  const std::int64_t blocks =
      std::min<std::int64_t>(cuda::partial_blocks, cuda::blocks_for(samples, cuda::block_threads));
  cuda::Scratch memory;
  const std::size_t loss_at = memory.add<double>(blocks), bias_at = memory.add<double>(blocks);
  memory.fetch(context);
  const HeadSums partial{nullptr, memory.at<double>(loss_at), memory.at<double>(bias_at)};
  logit_loss_kernel<<<static_cast<unsigned>(blocks), cuda::block_threads, 0, context.stream()>>>(
      samples, logits, labels, scale, loss_scale, dlogits, partial);
  cuda::check_launch("logit_loss_kernel");
  head_scalars_kernel<<<1, cuda::block_threads, 0, context.stream()>>>(partial, blocks, bias_grad, loss);
  cuda::check_launch("head_scalars_kernel");
}

template <>
void bce_loss<Cuda>(Context<Cuda>& context, std::int64_t samples, const float* logits,
                    const std::uint8_t* labels, double* loss) {
  if (samples == 0) return;
  const std::int64_t blocks =
      std::min<std::int64_t>(cuda::partial_blocks, cuda::blocks_for(samples, cuda::block_threads));
  double* partial = cuda::scratch<double>(context, blocks);
  bce_loss_kernel<<<static_cast<unsigned>(blocks), cuda::block_threads, 0, context.stream()>>>(
      samples, logits, labels, partial);
  cuda::check_launch("bce_loss_kernel");
  cuda::add_partial_sums(context, partial, blocks, loss);
}

NEUMF_FOR_EACH_TYPE(NEUMF_HEAD, Cuda)

}  // namespace neumf::ops
