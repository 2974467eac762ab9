#include "neumf/ops/adam.hpp"

#include <algorithm>
#include <cmath>

#include "neumf/ops/step_state.hpp"
#include "parallel.hpp"
#include "vector.hpp"

namespace neumf::ops {

template <class Device, class T>
void adam_step(Context<Device>& context, const AdamSpec& spec, const StepState* state,
               std::span<float> weight, std::span<float> gradient, std::span<float> m, std::span<float> v,
               std::span<T> copy) {
  if (state->skip != 0) {
    cpu::parallel_ranges(context, gradient.size(), 1 << 16, [&](int, std::size_t begin, std::size_t end) {
      std::fill(gradient.data() + begin, gradient.data() + end, 0.0f);
    });
    return;
  }
  const float step_size = state->step_size, v_scale = state->second_moment_scale;
  const float gradient_scale = state->gradient_scale;
  const float beta1 = spec.beta1, beta2 = spec.beta2, eps = spec.eps;
  const float keep = 1.0f - spec.learning_rate * spec.weight_decay;
  cpu::parallel_ranges(context, weight.size(), 1 << 13, [&](int, std::size_t begin, std::size_t end) {
    float* __restrict w = weight.data();
    float* __restrict g = gradient.data();
    float* __restrict first = m.data();
    float* __restrict second = v.data();
    // Tiles that stay in the first-level cache between the update and the conversion.
    constexpr std::size_t tile = 2048;
    for (std::size_t from = begin; from < end; from += tile) {
      const std::size_t to = std::min(end, from + tile);
#pragma omp simd
      for (std::size_t i = from; i < to; ++i) {
        const float grad = g[i] * gradient_scale;
        const float m_new = beta1 * first[i] + (1.0f - beta1) * grad;
        const float v_new = beta2 * second[i] + (1.0f - beta2) * grad * grad;
        first[i] = m_new;
        second[i] = v_new;
        w[i] = keep * w[i] - step_size * m_new / (std::sqrt(v_new) * v_scale + eps);
        g[i] = 0.0f;
      }
      if (!copy.empty()) cpu::narrow(w + from, copy.data() + from, to - from);
    }
  });
}

#define NEUMF_INSTANTIATE(T)                                                                          \
  template void adam_step<Cpu, T>(Context<Cpu>&, const AdamSpec&, const StepState*, std::span<float>, \
                                  std::span<float>, std::span<float>, std::span<float>, std::span<T>);
NEUMF_INSTANTIATE(float)
NEUMF_INSTANTIATE(bfloat16)
NEUMF_INSTANTIATE(float16)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::ops
