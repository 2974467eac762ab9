// Plain stochastic gradient descent.
#pragma once

#include <span>

#include "neumf/core/context.hpp"
#include "neumf/core/types.hpp"

namespace neumf::ops {

struct StepState;  // ops/step_state.hpp

// One step over flat parameters, with the state's learning rate and g = gradient * state->gradient_scale:
//   weight -= learning_rate * (g + weight_decay * weight)
// then the gradient is set to zero and `copy` (unless empty) to the weight rounded to T. Where state->skip is
// set only the gradient is cleared.
template <class Device, class T>
void sgd_step(Context<Device>& context, float weight_decay, const StepState* state, std::span<float> weight,
              std::span<float> gradient, std::span<T> copy);

}  // namespace neumf::ops
