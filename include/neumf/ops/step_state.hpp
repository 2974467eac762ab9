// What changes from step to step and from epoch to epoch, kept on the device so that a step needs no word
// from the host: the epoch and the place in it, the learning rate, Adam's step count, dynamic loss scaling
// and the running loss. On a GPU a whole step can therefore be captured once and replayed.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "neumf/core/context.hpp"
#include "neumf/ops/adam.hpp"

namespace neumf::ops {

struct StepState {
  // Of the epoch:
  std::uint32_t epoch = 0;  // from 0
  float learning_rate = 0.0045f;
  const float* loss_weights = nullptr;  // on the device, by update: what a sample's loss counts; null for 1
  // Of the update:
  std::uint64_t update = 0;  // of the epoch, from 0
  float loss_factor = 1.0f;  // what the gradient of a sample's loss is multiplied by: its weight, loss_scale
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

// Makes the state ready for the update whose number it holds.
NEUMF_HD inline void begin_update(StepState& state) {
  const float weight = state.loss_weights == nullptr ? 1.0f : state.loss_weights[state.update];
  state.loss_factor = weight * state.loss_scale;
}

// The next loss scale, after an update that was skipped or not.
NEUMF_HD inline void adapt_loss_scale(const LossScaling& scaling, StepState& state) {
  state.good_steps = state.skip != 0 ? 0 : state.good_steps + 1;
  if (!scaling.dynamic) return;
  if (state.skip != 0) {
    const float lowered = state.loss_scale * scaling.backoff;
    state.loss_scale = lowered > scaling.minimum ? lowered : scaling.minimum;
  } else if (state.good_steps >= scaling.growth_interval) {
    state.good_steps = 0;
    const float grown = state.loss_scale * scaling.growth;
    state.loss_scale = grown < scaling.maximum ? grown : scaling.maximum;
  }
}

// The decision that prepare_update takes, shared by both devices.
NEUMF_HD inline void decide_update(const AdamSpec& spec, const LossScaling& scaling, std::uint64_t groups,
                                   StepState& state) {
  state.skip = state.overflow;
  state.overflow = 0;
  state.position += groups;
  ++state.update;
  state.gradient_scale = 1.0f / state.loss_scale;
  adapt_loss_scale(scaling, state);
  begin_update(state);
  if (state.skip != 0) {
    ++state.skipped;
    return;
  }
  ++state.step;
  const double t = static_cast<double>(state.step);
  state.step_size = static_cast<float>(state.learning_rate / (1.0 - pow(static_cast<double>(spec.beta1), t)));
  state.second_moment_scale = static_cast<float>(1.0 / sqrt(1.0 - pow(static_cast<double>(spec.beta2), t)));
}

// Decides the step, from state->overflow: applied or skipped, the next loss scale and loss factor, Adam's
// bias corrections; then clears state->overflow and moves state->position on by `groups`.
template <class Device>
void prepare_update(Context<Device>& context, const AdamSpec& spec, const LossScaling& scaling,
                    std::uint64_t groups, StepState* state);

}  // namespace neumf::ops
