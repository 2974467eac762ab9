// The computation behind SharedResults: included once per compiler.
#pragma once

#include <bit>

#include "neumf/core/types.hpp"
#include "neumf/ops/step_state.hpp"
#include "neumf/random/dropout.hpp"
#include "neumf/sampling/sampler.hpp"
#include "shared_functions.hpp"

namespace neumf::test {
namespace {

SharedResults compute_shared_results() {
  SharedResults out;
  const Philox philox(0x123456789ABCDEFull, RandomStream::dropout, 7);
  for (std::uint64_t i = 0; i < 500; ++i)
    for (const std::uint32_t word : philox(i << 30, static_cast<std::uint32_t>(i)).v) {
      out.philox.push_back(word);
      out.units.push_back(open_unit(word));
    }

  for (const std::uint64_t size :
       {std::uint64_t{1}, std::uint64_t{33}, std::uint64_t{99308850}, std::uint64_t{1} << 33}) {
    const Permutation shuffle(size, 11, 3, 5);
    for (std::uint64_t i = 0; i < 500; ++i) out.shuffled.push_back(shuffle(i % size));
  }

  const std::uint32_t users[] = {0, 0, 0, 1, 1}, items[] = {1, 4, 8, 0, 9};
  const std::uint64_t offsets[] = {0, 3, 5};
  const TrainingSetView set{users, items, offsets, 5, 1000};
  for (const bool exact : {false, true}) {
    SamplerSpec spec;
    spec.item_count = 10;
    spec.exact_negatives = exact;
    spec.seed = 42;
    for (std::uint64_t positive = 0; positive < 5; ++positive)
      for (std::uint64_t k = 0; k < spec.per_positive(); ++k)
        out.items.push_back(
            sample_item(set, spec, positive, (set.first_positive + positive) * spec.per_positive() + k));
  }

  for (const float rate : {0.3f, 0.5f}) {
    const Dropout dropout = Dropout::at_rate(rate, 9, 2, 1);
    for (std::uint32_t i = 0; i < 2000; ++i) out.kept.push_back(dropout.keep(i * 7919ull << 20, i % 256));
  }

  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    out.widened.push_back(std::bit_cast<std::uint32_t>(to_float(float16{half})));
    out.widened.push_back(std::bit_cast<std::uint32_t>(to_float(bfloat16{half})));
  }
  for (std::uint64_t i = 0; i < 1 << 18; ++i) {  // steps through all exponents, with odd mantissas
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(i * 0x4001u + i));
    out.narrowed.push_back(from_float<float16>(value).bits);
    out.narrowed.push_back(from_float<bfloat16>(value).bits);
  }

  ops::StepState state;
  state.loss_scale = 1024.0f;
  ops::LossScaling scaling;
  scaling.dynamic = true;
  scaling.growth_interval = 5;
  for (int step = 0; step < 40; ++step) {
    state.overflow = step % 11 == 3;
    ops::decide_update({}, scaling, 17, state);
    for (const float value :
         {state.loss_scale, state.gradient_scale, state.step_size, state.second_moment_scale})
      out.steps.push_back(value);
  }
  return out;
}

}  // namespace
}  // namespace neumf::test
