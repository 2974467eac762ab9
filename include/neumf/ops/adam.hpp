// The Adam update (Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015), dense: every
// parameter moves every step, also where its gradient is zero. Weight decay is decoupled from the gradient
// (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019).
#pragma once

#include <cstdint>
#include <span>

#include "neumf/core/context.hpp"
#include "neumf/core/types.hpp"

namespace neumf::ops {

struct AdamSpec {
  float beta1 = 0.25f;
  float beta2 = 0.5f;
  float eps = 1e-8f;
  float weight_decay = 0.0f;
};

struct StepState;  // ops/step_state.hpp

// One step over flat parameters, in one pass over memory: with the state's learning rate and g = gradient *
// state->gradient_scale,
//   m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2;
//   weight -= learning_rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
//             + learning_rate * weight_decay * weight
// then the gradient is set to zero and `copy` (unless empty) to the weight rounded to T. The bias corrections
// come from prepare_update; where state->skip is set only the gradient is cleared.
template <class Device, class T>
void adam_step(Context<Device>& context, const AdamSpec& spec, const StepState* state,
               std::span<float> weight, std::span<float> gradient, std::span<float> m, std::span<float> v,
               std::span<T> copy);

}  // namespace neumf::ops
