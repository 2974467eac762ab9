#include "neumf/ops/sgd.hpp"

#include "device_fixture.hpp"
#include "neumf/ops/step_state.hpp"
#include "ops/reference/sgd.hpp"

namespace neumf::test {
namespace {

template <class C>
struct SgdStep : OpTest<C> {
  // What the first step finds, on the device.
  auto state_of(const StepState& before, const LossScaling& scaling) {
    auto state = this->to_device(std::vector<StepState>{before});
    prepare_update(this->context(), AdamSpec{}, scaling, 1, state.data());
    return state;
  }
};
TYPED_TEST_SUITE(SgdStep, AllCases, CaseNames);

TYPED_TEST(SgdStep, FollowsTheFormula) {
  using Real = typename TypeParam::T;
  for (const Index n : {1, 13, 2049, 30011})
    for (const float weight_decay : {0.0f, 0.25f}) {
      const float learning_rate = 0.125f, loss_scale = 64.0f;
      const Array weight = random_array<float>(n, 1, 1), gradient = random_array<float>(n, 1, 2);
      auto device_weight = this->template send<float>(weight);
      auto device_gradient = this->template send<float>(gradient);
      auto copy = this->template send<Real>(Array(n, 1, NAN));
      StepState initial;
      initial.loss_scale = loss_scale;
      initial.learning_rate = learning_rate;
      const auto state = this->state_of(initial, LossScaling{});
      sgd_step(this->context(), weight_decay, state.data(), device_weight.span(), device_gradient.span(),
               copy.span());
      const Array got = this->fetch(device_weight), got_copy = this->fetch(copy);
      expect_equal(this->fetch(device_gradient), Array(n), "gradient");
      for (Index i = 0; i < n; ++i) {
        const double want = reference::sgd_step(weight(i), gradient(i) / 64.0, 0.125, weight_decay);
        ASSERT_NEAR(got(i), want, 4 * 0x1p-24 * (std::fabs(weight(i)) + std::fabs(gradient(i)))) << i;
        ASSERT_EQ(got_copy(i), rounded<Real>(got(i))) << i;
      }
    }
}

TYPED_TEST(SgdStep, SkipsAStepButClearsTheGradient) {
  using Real = typename TypeParam::T;
  const Index n = 1003;
  const Array weight = random_array<float>(n, 1, 1);
  auto device_weight = this->template send<float>(weight);
  auto gradient = this->template send<float>(Array(n, 1, INFINITY));
  StepState initial;
  initial.overflow = 1;
  const auto state = this->state_of(initial, LossScaling{true});
  sgd_step(this->context(), 0.1f, state.data(), device_weight.span(), gradient.span(), std::span<Real>());
  expect_equal(this->fetch(device_weight), weight, "weight");
  expect_equal(this->fetch(gradient), Array(n), "gradient");
}

}  // namespace
}  // namespace neumf::test
