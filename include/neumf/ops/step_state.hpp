// What changes from step to step, kept on the device so that a step needs no word from the host: the place in
// the epoch's shuffle, Adam's step count, dynamic loss scaling and the running loss. On a GPU a whole step
// can therefore be captured once and replayed.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "neumf/core/context.hpp"
#include "neumf/ops/adam.hpp"

namespace neumf::ops {

struct StepState {
  std::uint64_t position = 0;   // groups of the epoch's shuffle that this rank has consumed
  std::int64_t step = 0;        // updates applied (Adam's t)
  std::int64_t skipped = 0;     // updates skipped because a gradient overflowed
  double loss = 0.0;            // sum over this rank's samples since it was last cleared
  float loss_scale = 1.0f;      // the loss is multiplied by this before the backward pass
  std::int32_t good_steps = 0;  // updates since the scale last changed
  std::uint32_t overflow = 0;   // set while checking the gradients of the current step
  // Derived by prepare_update for adam_step:
  std::uint32_t skip = 0;            // leave the weights alone in this step
  float gradient_scale = 1.0f;       // 1 / loss_scale of this step
  float step_size = 0.0f;            // learning_rate / (1 - beta1^t)
  float second_moment_scale = 0.0f;  // 1 / sqrt(1 - beta2^t)
};

// Dynamic loss scaling (Micikevicius et al., "Mixed Precision Training", ICLR 2018): a step whose gradients
// are not finite is skipped and the scale multiplied by `backoff`; after `growth_interval` good steps in a
// row it is multiplied by `growth`.
struct LossScaling {
  bool dynamic = false;  // otherwise the scale stays as it is
  float growth = 2.0f;
  float backoff = 0.5f;
  std::int32_t growth_interval = 2000;
  float maximum = 16777216.0f;         // 2^24
  float minimum = 1.0f / 16777216.0f;  // endless overflows must not drive the scale to zero
};

// Sets state->overflow if any value is infinite or not a number. If `poison` is not null it is set to NaN in
// that case: a slot of a buffer that is summed over ranks afterwards, so that one rank's overflow reaches
// all.
template <class Device>
void check_finite(Context<Device>& context, std::span<const float> data, StepState* state, float* poison);

// The decision that prepare_update takes, shared by both devices.
NEUMF_HD inline void decide_update(const AdamSpec& spec, const LossScaling& scaling, std::uint64_t groups,
                                   StepState& state) {
  state.skip = state.overflow;
  state.overflow = 0;
  state.position += groups;
  state.gradient_scale = 1.0f / state.loss_scale;
  if (state.skip != 0) {
    ++state.skipped;
    state.good_steps = 0;
    if (scaling.dynamic) {
      const float lowered = state.loss_scale * scaling.backoff;
      state.loss_scale = lowered > scaling.minimum ? lowered : scaling.minimum;
    }
    return;
  }
  ++state.step;
  ++state.good_steps;
  if (scaling.dynamic && state.good_steps >= scaling.growth_interval) {
    state.good_steps = 0;
    const float grown = state.loss_scale * scaling.growth;
    state.loss_scale = grown < scaling.maximum ? grown : scaling.maximum;
  }
  const double t = static_cast<double>(state.step);
  state.step_size = static_cast<float>(spec.learning_rate / (1.0 - pow(static_cast<double>(spec.beta1), t)));
  state.second_moment_scale = static_cast<float>(1.0 / sqrt(1.0 - pow(static_cast<double>(spec.beta2), t)));
}

// Decides the step, from state->overflow: applied or skipped, the next loss scale, Adam's bias corrections;
// then clears state->overflow and moves state->position on by `groups`.
template <class Device>
void prepare_update(Context<Device>& context, const AdamSpec& spec, const LossScaling& scaling,
                    std::uint64_t groups, StepState* state);

}  // namespace neumf::ops
