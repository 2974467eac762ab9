// Drawing training samples on the device.
#pragma once

#include "neumf/core/context.hpp"
#include "neumf/ops/batch.hpp"
#include "neumf/ops/step_state.hpp"
#include "neumf/sampling/sampler.hpp"

namespace neumf::ops {

// Fills `out` with `groups` groups of the epoch's shuffle (see sampling/sampler.hpp), from position
// state->position + offset on, in epoch state->epoch instead of spec.epoch. `out` must have room for `groups`
// groups of spec.group_size() samples.
template <class Device>
void sample_batch(Context<Device>& context, const TrainingSetView& set, const SamplerSpec& spec,
                  const StepState* state, std::uint64_t offset, std::int64_t groups,
                  BatchBuffer<Device>& out);

}  // namespace neumf::ops
