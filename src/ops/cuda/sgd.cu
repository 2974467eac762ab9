#include "neumf/ops/sgd.hpp"

#include "../instantiate.hpp"
#include "neumf/core/cuda/team.cuh"
#include "skipped_update.cuh"

namespace neumf::ops {
namespace {

// V elements per thread, as in adam.cu.
template <class T, int V>
__global__ void __launch_bounds__(cuda::block_threads)
    sgd_kernel(float weight_decay, const StepState* __restrict__ state, std::int64_t count,
               float* __restrict__ weight, float* __restrict__ gradient, T* __restrict__ copy) {
  const std::int64_t first = (blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x) * V;
  if (first >= count) return;
  if (cuda::skipped<V>(state, gradient + first)) return;
  const float step = state->learning_rate * state->gradient_scale;
  const float keep = 1.0f - state->learning_rate * weight_decay;
  float w[V], g[V];
  cuda::load<V>(gradient + first, g);
  cuda::load<V>(weight + first, w);
#pragma unroll
  for (int i = 0; i < V; ++i) w[i] = keep * w[i] - step * g[i];
  cuda::store<V>(gradient + first, {});
  cuda::store<V>(weight + first, w);
  if (copy != nullptr) cuda::store<V>(copy + first, w);
}

}  // namespace

template <class Device, class T>
void sgd_step(Context<Device>& context, float weight_decay, const StepState* state, std::span<float> weight,
              std::span<float> gradient, std::span<T> copy) {
  const auto count = static_cast<std::int64_t>(weight.size());
  T* copy_data = copy.empty() ? nullptr : copy.data();
  const bool wide =
      cuda::aligned(weight.data(), 16) && cuda::aligned(gradient.data(), 16) && cuda::aligned(copy_data, 16);
  cuda::in_vectors(count, wide, [&](auto vector, std::int64_t begin, std::int64_t end) {
    constexpr int V = decltype(vector)::value;
    sgd_kernel<T, V><<<cuda::blocks_for(end - begin, cuda::block_threads * V), cuda::block_threads, 0,
                       context.stream()>>>(weight_decay, state, end - begin, weight.data() + begin,
                                           gradient.data() + begin,
                                           copy_data == nullptr ? nullptr : copy_data + begin);
    cuda::check_launch("sgd_kernel");
  });
}

NEUMF_FOR_EACH_TYPE(NEUMF_SGD, Cuda)

}  // namespace neumf::ops
