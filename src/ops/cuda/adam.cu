#include "neumf/ops/adam.hpp"

#include "../instantiate.hpp"
#include "neumf/core/cuda/team.cuh"
#include "skipped_update.cuh"

namespace neumf::ops {
namespace {

// V elements per thread: with V = 8, eight 16-byte loads are in flight, enough to stream at full bandwidth
// without a loop.
template <class T, int V>
__global__ void __launch_bounds__(cuda::block_threads)
    adam_kernel(AdamSpec spec, const StepState* __restrict__ state, std::int64_t count,
                float* __restrict__ weight, float* __restrict__ gradient, float* __restrict__ m,
                float* __restrict__ v, T* __restrict__ copy) {
  const std::int64_t first = (blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x) * V;
  if (first >= count) return;
  if (cuda::skipped<V>(state, gradient + first)) return;
  const float step_size = state->step_size, v_scale = state->second_moment_scale;
  const float gradient_scale = state->gradient_scale;
  const float keep = 1.0f - state->learning_rate * spec.weight_decay;
  float w[V], g[V], first_moment[V], second_moment[V];
  cuda::load<V>(gradient + first, g);
  cuda::load<V>(m + first, first_moment);
  cuda::load<V>(v + first, second_moment);
  cuda::load<V>(weight + first, w);
#pragma unroll
  for (int i = 0; i < V; ++i) {
    const float grad = g[i] * gradient_scale;
    first_moment[i] = spec.beta1 * first_moment[i] + (1.0f - spec.beta1) * grad;
    second_moment[i] = spec.beta2 * second_moment[i] + (1.0f - spec.beta2) * grad * grad;
    w[i] = keep * w[i] - step_size * first_moment[i] / (sqrtf(second_moment[i]) * v_scale + spec.eps);
  }
  cuda::store<V>(gradient + first, {});
  cuda::store<V>(m + first, first_moment);
  cuda::store<V>(v + first, second_moment);
  cuda::store<V>(weight + first, w);
  if (copy != nullptr) cuda::store<V>(copy + first, w);
}

}  // namespace

template <class Device, class T>
void adam_step(Context<Device>& context, const AdamSpec& spec, const StepState* state,
               std::span<float> weight, std::span<float> gradient, std::span<float> m, std::span<float> v,
               std::span<T> copy) {
  const auto count = static_cast<std::int64_t>(weight.size());
  T* copy_data = copy.empty() ? nullptr : copy.data();
  const bool wide = cuda::aligned(weight.data(), 16) && cuda::aligned(gradient.data(), 16) &&
                    cuda::aligned(m.data(), 16) && cuda::aligned(v.data(), 16) &&
                    cuda::aligned(copy_data, 16);
  cuda::in_vectors(count, wide, [&](auto vector, std::int64_t begin, std::int64_t end) {
    constexpr int V = decltype(vector)::value;
    adam_kernel<T, V><<<cuda::blocks_for(end - begin, cuda::block_threads * V), cuda::block_threads, 0,
                        context.stream()>>>(spec, state, end - begin, weight.data() + begin,
                                            gradient.data() + begin, m.data() + begin, v.data() + begin,
                                            copy_data == nullptr ? nullptr : copy_data + begin);
    cuda::check_launch("adam_kernel");
  });
}

NEUMF_FOR_EACH_TYPE(NEUMF_ADAM, Cuda)

}  // namespace neumf::ops
