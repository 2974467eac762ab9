#include "neumf/ops/catalogue.hpp"

#include "../instantiate.hpp"
#include "neumf/core/cuda/pack.cuh"
#include "partial_sums.cuh"

namespace neumf::ops {
namespace {

// A thread per element.
template <class T>
__global__ void __launch_bounds__(cuda::block_threads)
    gather_weighted_kernel(const T* __restrict__ table, const std::uint32_t* __restrict__ rows,
                           const float* __restrict__ weight, std::int64_t size, std::int64_t width,
                           T* __restrict__ out) {
  const std::int64_t i = blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x;
  if (i >= size) return;
  const std::int64_t k = i % width;
  out[i] = cuda::narrow<T>(weight[k] * cuda::widen(table[rows[i / width] * width + k]));
}

// The block's largest value, on all threads.
__device__ __forceinline__ float block_max(float value) {
  __shared__ float warps[cuda::block_threads / 32];
  for (int offset = 16; offset > 0; offset /= 2)
    value = fmaxf(value, __shfl_xor_sync(0xFFFFFFFFu, value, offset));
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
  __syncthreads();
  float largest = warps[0];
  for (const float warp : warps) largest = fmaxf(largest, warp);
  __syncthreads();
  return largest;
}

// The block's sum, on all threads.
__device__ __forceinline__ double shared_sum(double value) {
  __shared__ double result;
  const double sum = cuda::block_sum(value);
  if (threadIdx.x == 0) result = sum;
  __syncthreads();
  const double out = result;
  __syncthreads();
  return out;
}

// A block per user, in turn.
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    catalogue_softmax_kernel(TrainingSetView set, const std::uint32_t* __restrict__ rows,
                             std::uint32_t first_row, float scale, const float* __restrict__ loss_scale,
                             std::int64_t users, std::int64_t items, float* logits,
                             double* __restrict__ partial) {
  const float factor = scale * loss_scale[0];
  double loss = 0;  // of the users, on thread 0
  for (std::int64_t g = blockIdx.x; g < users; g += gridDim.x) {
    float* z = logits + g * items;
    const std::uint32_t user = rows[g] - first_row;
    const std::uint64_t first = set.offsets[user], last = set.offsets[user + 1];
    float largest = z[0];
    for (std::int64_t j = threadIdx.x; j < items; j += cuda::block_threads) largest = fmaxf(largest, z[j]);
    largest = block_max(largest);
    double positives = 0;
    for (std::uint64_t p = first + threadIdx.x; p < last; p += cuda::block_threads)
      positives += z[set.items[p]] - largest;
    positives = cuda::block_sum(positives);
    __syncthreads();
    double own = 0;
    for (std::int64_t j = threadIdx.x; j < items; j += cuda::block_threads) {
      const float e = expf(z[j] - largest);
      z[j] = e;
      own += e;
    }
    const double sum = shared_sum(own);
    const auto n = static_cast<double>(last - first);
    if (threadIdx.x == 0) loss += n * log(sum) - positives;
    const auto share = static_cast<float>(factor * n / sum);
    for (std::int64_t j = threadIdx.x; j < items; j += cuda::block_threads) z[j] *= share;
    __syncthreads();
    for (std::uint64_t p = first + threadIdx.x; p < last; p += cuda::block_threads) z[set.items[p]] -= factor;
  }
  if (threadIdx.x == 0) partial[blockIdx.x] = loss;
}

// A team per row: the rows are distinct, so that no two add to the same.
template <class T, int V>
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    scatter_weighted_kernel(const T* __restrict__ table, const std::uint32_t* __restrict__ rows,
                            const float* __restrict__ weight, const float* __restrict__ gradient,
                            std::int64_t count, std::int64_t width, int team_size,
                            float* __restrict__ table_grad, float* __restrict__ partial) {
  const cuda::Team team(team_size);
  const std::int64_t column = team.column<V>(blockIdx.y);
  const bool active = column < width;
  float w[V] = {}, sums[V] = {};
  if (active) cuda::load<V>(weight + column, w);
  for (std::int64_t g = team.index; active && g < count; g += team.count) {
    const std::int64_t at = rows[g] * width + column;
    float x[V], d[V], grad[V];
    cuda::load<V>(table + at, x);
    cuda::load<V>(gradient + g * width + column, d);
    cuda::load<V>(table_grad + at, grad);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      grad[i] += w[i] * d[i];
      sums[i] += d[i] * x[i];
    }
    cuda::store<V>(table_grad + at, grad);
  }
  cuda::store_block_sums<V>(team, sums, column, width, partial);
}

}  // namespace

template <class Device, class T>
void gather_weighted(Context<Device>& context, Matrix<const T> table, const std::uint32_t* rows,
                     const float* weight, Matrix<T> out) {
  if (out.size() == 0) return;
  gather_weighted_kernel<<<cuda::blocks_for(out.size(), cuda::block_threads), cuda::block_threads, 0,
                           context.stream()>>>(table.data, rows, weight, out.size(), out.cols, out.data);
  cuda::check_launch("gather_weighted_kernel");
}

template <>
void catalogue_softmax<Cuda>(Context<Cuda>& context, const TrainingSetView& set, const std::uint32_t* rows,
                             std::uint32_t first_row, float scale, const float* loss_scale,
                             Matrix<float> logits, double* loss) {
  if (logits.size() == 0) return;
  const std::int64_t blocks = std::min<std::int64_t>(cuda::partial_blocks, logits.rows);
  double* partial = cuda::scratch<double>(context, blocks);
  catalogue_softmax_kernel<<<static_cast<unsigned>(blocks), cuda::block_threads, 0, context.stream()>>>(
      set, rows, first_row, scale, loss_scale, logits.rows, logits.cols, logits.data, partial);
  cuda::check_launch("catalogue_softmax_kernel");
  cuda::add_partial_sums(context, partial, blocks, loss);
}

template <class Device, class T>
void scatter_weighted(Context<Device>& context, Matrix<const T> table, const std::uint32_t* rows,
                      const float* weight, Matrix<const float> gradient, Matrix<float> table_grad,
                      float* weight_grad) {
  if (gradient.size() == 0) return;
  const auto shape = cuda::row_shape(gradient.cols, table.data, weight, gradient.data, table_grad.data);
  const std::int64_t blocks = cuda::reduction_blocks(gradient.rows, shape);
  float* partial = cuda::scratch<float>(context, blocks * gradient.cols);
  const dim3 grid = cuda::grid_for(blocks, 1, shape.tiles);
  cuda::with_vector(shape, [&](auto vector) {
    constexpr int V = decltype(vector)::value;
    scatter_weighted_kernel<T, V><<<grid, cuda::block_threads, 0, context.stream()>>>(
        table.data, rows, weight, gradient.data, gradient.rows, gradient.cols, shape.team, table_grad.data,
        partial);
  });
  cuda::check_launch("scatter_weighted_kernel");
  cuda::add_partial_sums(context, partial, blocks, gradient.cols, weight_grad);
}

NEUMF_FOR_EACH_TYPE(NEUMF_CATALOGUE, Cuda)

}  // namespace neumf::ops
