#include "neumf/ops/adam.hpp"

#include <algorithm>

#include "../instantiate.hpp"
#include "adam_update.hpp"
#include "neumf/ops/step_state.hpp"
#include "parallel.hpp"
#include "vector.hpp"

namespace neumf::ops {

namespace {

constexpr std::size_t ahead = 32 * cpu::lanes;

// Parameters [0, n) of the step.
void update(const cpu::AdamFactors& factors, std::size_t n, float* __restrict weight,
            float* __restrict gradient, float* __restrict first, float* __restrict second) {
  const auto move = [&](std::size_t i, std::int64_t count) {
    cpu::adam_update(factors, count, weight + i, gradient + i, first + i, second + i);
  };
  std::size_t i = 0;
  for (; i + cpu::lanes <= n; i += cpu::lanes) {
    // For writing: lines of weights that other cores have read are to come back before they are stored to.
    for (float* p : {weight, gradient, first, second}) __builtin_prefetch(p + i + ahead, 1);
    move(i, cpu::lanes);
  }
  if (i < n) move(i, static_cast<std::int64_t>(n - i));
}

}  // namespace

template <class Device, class T>
void adam_step(Context<Device>& context, const AdamSpec& spec, const StepState* state,
               std::span<float> weight, std::span<float> gradient, std::span<float> m, std::span<float> v,
               std::span<T> copy) {
  if (state->skip != 0) {
    cpu::parallel_ranges(context, gradient.size(), 1 << 16, [&](int, std::size_t begin, std::size_t end) {
      std::fill(gradient.data() + begin, gradient.data() + end, 0.0f);
    });
    return;
  }
  const cpu::AdamFactors factors(spec, *state);
  // In whole vectors, so that no parameter's rounding depends on the number of threads.
  constexpr std::size_t lanes = cpu::lanes;
  const std::size_t size = weight.size(), vectors = (size + lanes - 1) / lanes;
  cpu::parallel_ranges(context, vectors, 512, [&](int, std::size_t begin, std::size_t end) {
    // Tiles that stay in the first-level cache between the update and the conversion.
    constexpr std::size_t tile = 2048;
    const std::size_t last = std::min(end * lanes, size);
    for (std::size_t from = begin * lanes; from < last; from += tile) {
      const std::size_t n = std::min(last - from, tile);
      update(factors, n, weight.data() + from, gradient.data() + from, m.data() + from, v.data() + from);
      if (!copy.empty()) cpu::narrow(weight.data() + from, copy.data() + from, n);
    }
  });
}

NEUMF_FOR_EACH_TYPE(NEUMF_ADAM, Cpu)

}  // namespace neumf::ops
