// What an update of weights does where it is skipped.
#pragma once

#include "neumf/core/cuda/pack.cuh"
#include "neumf/ops/step_state.hpp"

namespace neumf::cuda {

// Whether the update is skipped, after an overflow. The gradient is cleared then.
template <int V>
__device__ __forceinline__ bool skipped(const ops::StepState* state, float* gradient) {
  if (state->skip == 0) return false;
  store<V>(gradient, {});
  return true;
}

}  // namespace neumf::cuda
