#include "neumf/ops/step_state.hpp"

#include <limits>

#include "device_fixture.hpp"
#include "ops/reference/step_state.hpp"

namespace neumf::test {
namespace {

template <class C>
struct StepStateTest : OpTest<C> {
  using typename OpTest<C>::Device;

  StepState after(const StepState& before, const LossScaling& scaling, std::uint64_t groups,
                  const AdamSpec& spec = {}) {
    auto state = this->to_device(std::vector<StepState>{before});
    prepare_update(this->context(), spec, scaling, groups, state.data());
    return this->to_host(state)[0];
  }
};
TYPED_TEST_SUITE(StepStateTest, DeviceCases, CaseNames);

TYPED_TEST(StepStateTest, CountsStepsAndGroups) {
  StepState state;
  state.position = 40;
  for (int step = 1; step <= 5; ++step) {
    state = this->after(state, LossScaling{}, 7);
    EXPECT_EQ(state.step, step);
    EXPECT_EQ(state.position, static_cast<std::uint64_t>(40 + 7 * step));
    EXPECT_EQ(state.skip, 0u);
    EXPECT_EQ(state.skipped, 0);
  }
}

TYPED_TEST(StepStateTest, CorrectsTheBiasOfBothMoments) {
  const AdamSpec spec{0.25f, 0.5f, 1e-8f}, slow{0.9f, 0.999f, 1e-8f};
  for (const auto& [adam, rate] : {std::pair(spec, 0.0045f), std::pair(slow, 0.001f)}) {
    StepState state;
    state.learning_rate = rate;
    for (int t = 1; t <= 100; ++t) {
      state = this->after(state, LossScaling{}, 1, adam);
      const double lr = state.learning_rate, beta1 = adam.beta1, beta2 = adam.beta2;
      // One rounding to float.
      EXPECT_FLOAT_EQ(state.step_size, static_cast<float>(reference::adam_step_size(lr, beta1, t)));
      EXPECT_FLOAT_EQ(state.second_moment_scale,
                      static_cast<float>(reference::adam_second_moment_scale(beta2, t)));
    }
  }
}

TYPED_TEST(StepStateTest, GrowsAfterTheIntervalOfGoodSteps) {
  LossScaling scaling{true};
  scaling.growth_interval = 3;
  StepState state;
  state.loss_scale = 16.0f;
  const float after[] = {16, 16, 32, 32, 32, 64, 64};
  float scale = 16.0f;
  for (const float next : after) {
    state = this->after(state, scaling, 1);
    EXPECT_EQ(state.gradient_scale, 1.0f / scale);  // of this step, not of the next
    EXPECT_EQ(state.loss_scale, next);
    scale = next;
  }
  EXPECT_EQ(state.good_steps, 1);
}

// Overflows in any order, with limits that are reached. Powers of two, so that both are exact.
TYPED_TEST(StepStateTest, FollowsTheReference) {
  LossScaling scaling{true};
  scaling.growth_interval = 4;
  scaling.maximum = 64.0f;
  scaling.minimum = 0.25f;
  reference::LossScale want{.maximum = 64, .minimum = 0.25, .growth_interval = 4, .scale = 8};
  StepState state;
  state.loss_scale = 8.0f;
  std::mt19937_64 generator(9);
  for (int update = 0; update < 300; ++update) {
    const bool overflow = generator() % (update < 150 ? 2 : 9) == 0;
    state.overflow = overflow ? 1 : 0;
    state = this->after(state, scaling, 1);
    want.update(overflow);
    ASSERT_EQ(state.loss_scale, want.scale) << "after update " << update;
    ASSERT_EQ(state.good_steps, want.good_updates);
    ASSERT_EQ(state.step, want.applied);
    ASSERT_EQ(state.skipped, want.skipped);
  }
}

TYPED_TEST(StepStateTest, HasTheDocumentedDefaults) {
  StepState state;
  state.loss_scale = 1024.0f;
  state.good_steps = 1998;
  state = this->after(state, LossScaling{true}, 1);
  EXPECT_EQ(state.loss_scale, 1024.0f);
  state = this->after(state, LossScaling{true}, 1);
  EXPECT_EQ(state.loss_scale, 2048.0f);
  EXPECT_EQ(state.good_steps, 0);
  state.overflow = 1;
  EXPECT_EQ(this->after(state, LossScaling{true}, 1).loss_scale, 1024.0f);
}

TYPED_TEST(StepStateTest, BacksOffAndSkipsOnOverflow) {
  LossScaling scaling{true};
  scaling.growth_interval = 3;
  StepState before;
  before.loss_scale = 16.0f;
  before.step = 11;
  before.position = 100;
  before.good_steps = 2;
  before.skipped = 4;
  before.overflow = 1;
  before.loss = 5.5;
  StepState state = this->after(before, scaling, 10);
  EXPECT_EQ(state.skip, 1u);
  EXPECT_EQ(state.overflow, 0u);
  EXPECT_EQ(state.step, 11);
  EXPECT_EQ(state.skipped, 5);
  EXPECT_EQ(state.position, 110u);
  EXPECT_EQ(state.loss_scale, 8.0f);
  EXPECT_EQ(state.good_steps, 0);
  EXPECT_EQ(state.loss, 5.5);
  // The next step is applied, and the interval starts again.
  for (const float next : {8.0f, 8.0f, 16.0f}) {
    state = this->after(state, scaling, 10);
    EXPECT_EQ(state.skip, 0u);
    EXPECT_EQ(state.loss_scale, next);
  }
  EXPECT_EQ(state.step, 14);
  EXPECT_EQ(state.skipped, 5);
}

TYPED_TEST(StepStateTest, StopsAtTheMaximum) {
  LossScaling scaling{true};
  scaling.growth_interval = 1;
  StepState state;
  state.loss_scale = 0x1p22f;
  for (const float next : {0x1p23f, 0x1p24f, 0x1p24f, 0x1p24f}) {
    state = this->after(state, scaling, 1);
    EXPECT_EQ(state.loss_scale, next);
  }
  scaling.maximum = 100.0f;
  state.loss_scale = 64.0f;
  EXPECT_EQ(this->after(state, scaling, 1).loss_scale, 100.0f);
}

TYPED_TEST(StepStateTest, StopsAtTheMinimum) {
  LossScaling scaling{true};
  scaling.minimum = 0.75f;
  StepState state;
  state.loss_scale = 4.0f;
  for (const float next : {2.0f, 1.0f, 0.75f, 0.75f}) {
    state.overflow = 1;
    state = this->after(state, scaling, 1);
    EXPECT_EQ(state.loss_scale, next);
  }
}

TYPED_TEST(StepStateTest, KeepsAStaticScale) {
  LossScaling scaling{false};
  scaling.growth_interval = 1;
  StepState state;
  state.loss_scale = 128.0f;
  state = this->after(state, scaling, 1);
  EXPECT_EQ(state.loss_scale, 128.0f);
  EXPECT_EQ(state.gradient_scale, 0x1p-7f);
  state.overflow = 1;
  state = this->after(state, scaling, 1);
  EXPECT_EQ(state.loss_scale, 128.0f);
  EXPECT_EQ(state.skip, 1u);
  EXPECT_EQ(state.step, 1);
}

// What a sample counts is the next update's, times the next loss scale.
TYPED_TEST(StepStateTest, WeighsTheNextUpdate) {
  const auto weights = this->to_device(std::vector<float>{0.5f, 0.25f, 0.125f, 0.0f});
  LossScaling scaling{true};
  StepState state;
  state.loss_weights = weights.data();
  state.loss_scale = 1024.0f;
  state = this->after(state, scaling, 1);
  EXPECT_EQ(state.update, 1u);
  EXPECT_EQ(state.loss_factor, 256.0f);
  state.overflow = 1;
  state = this->after(state, scaling, 1);
  EXPECT_EQ(state.update, 2u) << "an update that is skipped is over as well";
  EXPECT_EQ(state.loss_factor, 64.0f) << "the scale was halved";
  state = this->after(state, scaling, 1);
  EXPECT_EQ(state.loss_factor, 0.0f) << "after the epoch's last update";
  state.loss_weights = nullptr;
  EXPECT_EQ(this->after(state, scaling, 1).loss_factor, 512.0f);
}

// However long the overflows last (a diverged model), the scale stays a number that gradients can be divided
// by.
TYPED_TEST(StepStateTest, SurvivesEndlessOverflow) {
  StepState state;
  state.loss_scale = 65536.0f;
  for (int step = 0; step < 400; ++step) {
    state.overflow = 1;
    state = this->after(state, LossScaling{true}, 1);
    ASSERT_GT(state.loss_scale, 0.0f) << "after " << step + 1 << " overflows";
    ASSERT_TRUE(std::isfinite(state.gradient_scale)) << "after " << step + 1 << " overflows";
  }
}

TYPED_TEST(StepStateTest, FindsWhatIsNotFinite) {
  const float bad[] = {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                       std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
                       std::bit_cast<float>(0x7F800001u)};
  for (const Index n : {1, 7, 33, 1000, 200003}) {
    const Array clean = random_array<float>(n, 1, 1);
    std::vector<Index> places{0, n - 1, n / 2, n / 3, n / 3 + 1, n / 3 * 2 + 1};
    for (const Index chunk : {16, 32, 256, 1 << 15, 1 << 16})
      for (const Index place : {chunk - 1, chunk}) places.push_back(place);
    for (const Index place : places) {
      if (place >= n) continue;
      std::vector<float> data(clean.values.begin(), clean.values.end());
      data[static_cast<std::size_t>(place)] = bad[static_cast<std::size_t>(place) % std::size(bad)];
      const auto device_data = this->to_device(data);
      auto state = this->to_device(std::vector<StepState>{StepState{}});
      auto poison = this->to_device(std::vector<float>{1.5f});
      check_finite(this->context(), device_data.span(), state.data(), poison.data());
      ASSERT_NE(this->to_host(state)[0].overflow, 0u) << "at " << place << " of " << n;
      ASSERT_TRUE(std::isnan(this->to_host(poison)[0])) << "at " << place << " of " << n;
      auto other = this->to_device(std::vector<StepState>{StepState{}});
      check_finite(this->context(), device_data.span(), other.data(), static_cast<float*>(nullptr));
      ASSERT_NE(this->to_host(other)[0].overflow, 0u) << "at " << place << " of " << n;
    }
  }
}

TYPED_TEST(StepStateTest, LeavesFiniteDataAlone) {
  for (const Index n : {0, 1, 7, 200003}) {
    std::vector<float> data(static_cast<std::size_t>(n));
    const float largest = std::numeric_limits<float>::max(), least = std::numeric_limits<float>::denorm_min();
    const float edge[] = {largest, -largest, least, -least, 0.0f, -0.0f};
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = edge[i % std::size(edge)];
    const auto device_data = this->to_device(data);
    auto state = this->to_device(std::vector<StepState>{StepState{}});
    auto poison = this->to_device(std::vector<float>{1.5f});
    check_finite(this->context(), device_data.span(), state.data(), poison.data());
    EXPECT_EQ(this->to_host(state)[0].overflow, 0u);
    EXPECT_EQ(this->to_host(poison)[0], 1.5f);
    // An overflow found before, in another part of the gradients, stays.
    StepState overflowed;
    overflowed.overflow = 1;
    state = this->to_device(std::vector<StepState>{overflowed});
    check_finite(this->context(), device_data.span(), state.data(), poison.data());
    EXPECT_EQ(this->to_host(state)[0].overflow, 1u);
  }
}

}  // namespace
}  // namespace neumf::test
