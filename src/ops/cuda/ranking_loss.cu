#include "neumf/ops/ranking_loss.hpp"

#include "neumf/core/error.hpp"
#include "partial_sums.cuh"

namespace neumf::ops {
namespace {

constexpr int warp = 32;

__device__ __forceinline__ float warp_sum(float value) {
  for (int offset = warp / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(0xFFFFFFFFu, value, offset);
  return value;
}

__device__ __forceinline__ float warp_max(float value) {
  for (int offset = warp / 2; offset > 0; offset /= 2)
    value = fmaxf(value, __shfl_xor_sync(0xFFFFFFFFu, value, offset));
  return value;
}

// A warp per group, each lane with every 32nd sample. Without `dlogits` only losses are summed.
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    ranking_loss_kernel(bool softmax, std::int64_t groups, std::int32_t size,
                        const std::uint32_t* __restrict__ items, const float* __restrict__ logits,
                        const float* __restrict__ log_q, float scale, const float* __restrict__ loss_scale,
                        float* __restrict__ dlogits, double* __restrict__ partial) {
  const int lane = static_cast<int>(threadIdx.x) % warp;
  const std::int64_t per_block = cuda::block_threads / warp;
  const float factor = dlogits != nullptr ? scale * loss_scale[0] : 0.0f;
  double loss = 0;  // of the groups, on lane 0
  for (std::int64_t g = blockIdx.x * per_block + threadIdx.x / warp; g < groups; g += gridDim.x * per_block) {
    const std::uint32_t* item = items + g * size;
    const float* z = logits + g * size;
    const std::uint32_t positive_item = item[0];
    const auto kept = [&](std::int32_t j) { return j == 0 || item[j] != positive_item; };
    const auto corrected = [&](std::int32_t j) { return log_q != nullptr ? z[j] - log_q[item[j]] : z[j]; };
    float* d = dlogits != nullptr ? dlogits + g * size : nullptr;
    if (softmax) {
      const float positive = corrected(0);
      float largest = positive;
      for (std::int32_t j = lane; j < size; j += warp)
        if (kept(j)) largest = fmaxf(largest, corrected(j));
      largest = warp_max(largest);
      float sum = 0;
      for (std::int32_t j = lane; j < size; j += warp)
        if (kept(j)) sum += expf(corrected(j) - largest);
      sum = warp_sum(sum);
      if (lane == 0) loss += logf(sum) + (largest - positive);
      if (d == nullptr) continue;  // the whole warp
      for (std::int32_t j = lane; j < size; j += warp)
        d[j] = kept(j) ? factor * (expf(corrected(j) - largest) / sum - (j == 0 ? 1.0f : 0.0f)) : 0.0f;
    } else {
      const float share = 1.0f / static_cast<float>(size > 1 ? size - 1 : 1);
      float losses = 0, sum = 0;
      for (std::int32_t j = lane; j < size; j += warp) {
        if (j == 0) continue;
        const float x = z[j] - z[0];
        const float slope = kept(j) ? share / (1.0f + expf(-x)) : 0.0f;
        if (kept(j)) losses += share * ((x > 0.0f ? x : 0.0f) + log1pf(expf(-fabsf(x))));
        sum += slope;
        if (d != nullptr) d[j] = factor * slope;
      }
      losses = warp_sum(losses);
      sum = warp_sum(sum);
      if (lane != 0) continue;
      loss += losses;
      if (d != nullptr) d[0] = -factor * sum;
    }
  }
  const double block_loss = cuda::block_sum(loss);
  if (threadIdx.x == 0) partial[blockIdx.x] = block_loss;
}

}  // namespace

template <>
void ranking_loss<Cuda>(Context<Cuda>& context, Loss loss, const BatchView& batch, const float* logits,
                        const float* log_q, float scale, const float* loss_scale, float* dlogits,
                        double* loss_sum) {
  require(loss == Loss::bpr || loss == Loss::softmax, "this loss does not compare the samples of a group");
  if (batch.samples() == 0) return;
  const std::int64_t blocks = std::min<std::int64_t>(
      cuda::partial_blocks, cuda::blocks_for(batch.groups, cuda::block_threads / warp));
  double* partial = cuda::scratch<double>(context, blocks);
  ranking_loss_kernel<<<static_cast<unsigned>(blocks), cuda::block_threads, 0, context.stream()>>>(
      loss == Loss::softmax, batch.groups, batch.group_size, batch.items, logits, log_q, scale, loss_scale,
      dlogits, partial);
  cuda::check_launch("ranking_loss_kernel");
  cuda::add_partial_sums(context, partial, blocks, loss_sum);
}

}  // namespace neumf::ops
