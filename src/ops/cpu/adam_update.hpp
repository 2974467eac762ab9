// Adam's arithmetic (ops/adam.hpp) on 16 parameters, for everything that updates: the same roundings
// everywhere.
#pragma once

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
        keep(1.0f - spec.learning_rate * spec.weight_decay),
        step_size(state.step_size),
        v_scale(state.second_moment_scale),
        eps(spec.eps) {}

  float gradient_scale, beta1, beta2, keep, step_size, v_scale, eps;
};

// Where the gradient is zero.
inline void adam_update(const AdamFactors& f, Lanes& w, Lanes& m, Lanes& v) {
  m = f.beta1 * m;
  v = f.beta2 * v;
  w = f.keep * w - f.step_size * divided_by_root(m, v, f.v_scale, f.eps);
}

inline void adam_update(const AdamFactors& f, Lanes g, Lanes& w, Lanes& m, Lanes& v) {
  g *= f.gradient_scale;
  const Lanes fresh_m = (1.0f - f.beta1) * g, fresh_v = (1.0f - f.beta2) * (g * g);
  m = f.beta1 * m + fresh_m;
  v = f.beta2 * v + fresh_v;
  w = f.keep * w - f.step_size * divided_by_root(m, v, f.v_scale, f.eps);
}

}  // namespace neumf::cpu
