#include "neumf/ops/step_state.hpp"

#include <bit>
#include <limits>

#include "parallel.hpp"

namespace neumf::ops {

template <>
void check_finite<Cpu>(Context<Cpu>& context, std::span<const float> data, StepState* state, float* poison) {
  std::uint32_t found = 0;
  cpu::parallel_ranges(context, data.size(), 1 << 15, [&](int, std::size_t begin, std::size_t end) {
    std::uint32_t any = 0;
#pragma omp simd reduction(| : any)
    for (std::size_t i = begin; i < end; ++i)
      any |= (std::bit_cast<std::uint32_t>(data[i]) & 0x7F800000u) == 0x7F800000u ? 1u : 0u;
    if (any != 0) {
#pragma omp atomic write
      found = 1;
    }
  });
  if (found == 0) return;
  state->overflow = 1;
  if (poison != nullptr) *poison = std::numeric_limits<float>::quiet_NaN();
}

template <>
void prepare_update<Cpu>(Context<Cpu>& /*context*/, const AdamSpec& spec, const LossScaling& scaling,
                         std::uint64_t groups, StepState* state) {
  decide_update(spec, scaling, groups, *state);
}

}  // namespace neumf::ops
