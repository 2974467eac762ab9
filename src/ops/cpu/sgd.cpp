#include "neumf/ops/sgd.hpp"

#include <algorithm>

#include "../instantiate.hpp"
#include "neumf/ops/step_state.hpp"
#include "parallel.hpp"
#include "vector.hpp"

namespace neumf::ops {

template <class Device, class T>
void sgd_step(Context<Device>& context, float weight_decay, const StepState* state, std::span<float> weight,
              std::span<float> gradient, std::span<T> copy) {
  const bool skip = state->skip != 0;
  const float step = state->learning_rate * state->gradient_scale;
  const float keep = 1.0f - state->learning_rate * weight_decay;
  cpu::parallel_ranges(context, weight.size(), 1 << 13, [&](int, std::size_t begin, std::size_t end) {
    float* __restrict w = weight.data();
    float* __restrict g = gradient.data();
    if (skip) {
      std::fill(g + begin, g + end, 0.0f);
      return;
    }
#pragma omp simd
    for (std::size_t i = begin; i < end; ++i) {
      w[i] = keep * w[i] - step * g[i];
      g[i] = 0.0f;
    }
    if (!copy.empty()) cpu::narrow(w + begin, copy.data() + begin, end - begin);
  });
}

NEUMF_FOR_EACH_TYPE(NEUMF_SGD, Cpu)

}  // namespace neumf::ops
