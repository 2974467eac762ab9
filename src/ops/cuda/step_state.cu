#include "neumf/ops/step_state.hpp"

#include "neumf/core/cuda/team.cuh"

namespace neumf::ops {
namespace {

__device__ __forceinline__ bool not_finite(float value) {
  return (__float_as_uint(value) & 0x7F800000u) == 0x7F800000u;
}

// Every thread that finds something stores the same value, so order does not matter; atomics, since plain
// stores of several threads to one place are a race all the same.
__global__ void __launch_bounds__(cuda::block_threads)
    check_finite_kernel(const float* __restrict__ data, std::int64_t count, std::int64_t vectors,
                        StepState* state, float* poison) {
  const std::int64_t thread = blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x;
  const std::int64_t threads = gridDim.x * std::int64_t{cuda::block_threads};
  bool found = false;
  const auto* wide = reinterpret_cast<const float4*>(data);
#pragma unroll 4
  for (std::int64_t i = thread; i < vectors; i += threads) {
    const float4 x = wide[i];
    found |= not_finite(x.x) | not_finite(x.y) | not_finite(x.z) | not_finite(x.w);
  }
  for (std::int64_t i = vectors * 4 + thread; i < count; i += threads) found |= not_finite(data[i]);
  if (!found) return;
  atomicExch(&state->overflow, 1u);
  if (poison != nullptr) atomicExch(poison, __uint_as_float(0x7FC00000u));
}

__global__ void prepare_update_kernel(AdamSpec spec, LossScaling scaling, std::uint64_t groups,
                                      StepState* state) {
  decide_update(spec, scaling, groups, *state);
}

}  // namespace

template <>
void check_finite<Cuda>(Context<Cuda>& context, std::span<const float> data, StepState* state,
                        float* poison) {
  const auto count = static_cast<std::int64_t>(data.size());
  if (count == 0) return;
  const std::int64_t vectors = cuda::aligned(data.data(), 16) ? count / 4 : 0;
  // 16 loads per thread before the grid is full, then as many blocks as run at once.
  const std::int64_t blocks = std::min<std::int64_t>(cuda::blocks_for(count, cuda::block_threads * 16),
                                                     context.multiprocessors() * 8);
  check_finite_kernel<<<static_cast<unsigned>(blocks), cuda::block_threads, 0, context.stream()>>>(
      data.data(), count, vectors, state, poison);
  cuda::check_launch("check_finite_kernel");
}

template <>
void prepare_update<Cuda>(Context<Cuda>& context, const AdamSpec& spec, const LossScaling& scaling,
                          std::uint64_t groups, StepState* state) {
  prepare_update_kernel<<<1, 1, 0, context.stream()>>>(spec, scaling, groups, state);
  cuda::check_launch("prepare_update_kernel");
}

}  // namespace neumf::ops
