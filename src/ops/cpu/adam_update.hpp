// Adam's arithmetic (ops/adam.hpp) on 16 parameters, for everything that updates: the same roundings
// everywhere.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lanes.hpp"
#include "neumf/ops/adam.hpp"
#include "neumf/ops/step_state.hpp"
#include "vector_math.hpp"

namespace neumf::cpu {

// The numbers of an update, the same for every parameter.
struct AdamFactors {
  AdamFactors(const ops::AdamSpec& spec, const ops::StepState& state)
      : gradient_scale(state.gradient_scale),
        beta1(spec.beta1),
        beta2(spec.beta2),
        keep(1.0f - state.learning_rate * spec.weight_decay) {
    // step m / (scale sqrt(v) + eps), with the step in the divisor. It is not to be zero.
    const float step = std::max(state.step_size, 1e-30f);
    root_scale = state.second_moment_scale / step;
    eps = spec.eps / step;
  }

  float gradient_scale, beta1, beta2, keep, root_scale, eps;
};

// Moves a weight by what its moments say; `root_v` is the square root of the second.
NEUMF_INLINE Lanes adam_moved(const AdamFactors& f, Lanes w, Lanes m, Lanes root_v) {
  return f.keep * w - quotient(m, f.root_scale * root_v + f.eps);
}

// Where the gradient is zero.
NEUMF_INLINE void adam_update(const AdamFactors& f, Lanes& w, Lanes& m, Lanes& v) {
  m = f.beta1 * m;
  v = f.beta2 * v;
  w = adam_moved(f, w, m, root(v));
}

NEUMF_INLINE void adam_update(const AdamFactors& f, Lanes g, Lanes& w, Lanes& m, Lanes& v) {
  g *= f.gradient_scale;
  const Lanes fresh_m = (1.0f - f.beta1) * g, fresh_v = (1.0f - f.beta2) * (g * g);
  m = f.beta1 * m + fresh_m;
  v = f.beta2 * v + fresh_v;
  w = adam_moved(f, w, m, root(v));
}

// Moves n <= 16 parameters in memory and clears their gradients.
NEUMF_INLINE void adam_update(const AdamFactors& f, std::int64_t n, float* weight, float* gradient,
                              float* first_moment, float* second_moment) {
  Lanes w = load(weight, n), m = load(first_moment, n), v = load(second_moment, n);
  adam_update(f, load(gradient, n), w, m, v);
  store(first_moment, n, m);
  store(second_moment, n, v);
  store(weight, n, w);
  store(gradient, n, Lanes{});
}

}  // namespace neumf::cpu
