#include "neumf/ops/adam.hpp"

#include "device_fixture.hpp"
#include "neumf/ops/step_state.hpp"
#include "ops/reference/adam.hpp"

namespace neumf::test {
namespace {

template <class C>
struct AdamStep : OpTest<C> {
  using typename OpTest<C>::Device, typename OpTest<C>::T;

  // Flat parameters on the device beside their double-precision twins.
  struct Model {
    std::vector<reference::Adam> reference;
    Tensor<float, Device> weight, gradient, m, v;
    Tensor<T, Device> copy;
  };

  Model model(const AdamSpec& spec, float rate, Index n) {
    const Array weight = random_array<float>(n, 1, 1, 0.5);
    std::vector<reference::Adam> twins;
    for (const double w : weight.values)
      twins.push_back({rate, spec.beta1, spec.beta2, spec.eps, w, spec.weight_decay});
    return {std::move(twins),
            this->template send<float>(weight),
            this->template send<float>(Array(n)),
            this->template send<float>(Array(n)),
            this->template send<float>(Array(n)),
            this->template send<T>(Array(n, 1, NAN))};
  }

  // The weights of `steps` steps with random gradients, some exactly zero, that arrive times `loss_scale`.
  void check(const AdamSpec& spec, Index n, int steps, float loss_scale, float rate = 0.0045f) {
    SCOPED_TRACE(testing::Message() << n << " parameters, loss scale " << loss_scale << ", beta1 "
                                    << spec.beta1);
    Model model = this->model(spec, rate, n);
    StepState initial;
    initial.learning_rate = rate;
    initial.loss_scale = loss_scale;
    auto state = this->to_device(std::vector<StepState>{initial});
    double largest = 0;
    for (int step = 0; step < steps; ++step) {
      Array gradient = random_array<float>(n, 1, static_cast<std::uint64_t>(100 + step), 0.01);
      for (Index i = step % 3; i < n; i += 3) gradient(i) = 0;
      Array scaled = gradient;
      for (double& g : scaled.values) g *= loss_scale;
      model.gradient = this->template send<float>(scaled);
      prepare_update(this->context(), spec, LossScaling{}, 1, state.data());
      adam_step(this->context(), spec, state.data(), model.weight.span(), model.gradient.span(),
                model.m.span(), model.v.span(), model.copy.span());
      for (Index i = 0; i < n; ++i) {
        model.reference[static_cast<std::size_t>(i)].step(gradient(i));
        largest = std::max(largest, std::fabs(gradient(i)));
      }
    }
    const Array weight = this->fetch(model.weight), m = this->fetch(model.m), v = this->fetch(model.v);
    const Array copy = this->fetch(model.copy);
    expect_equal(this->fetch(model.gradient), Array(n), "gradient");
    // A step moves a weight by about the learning rate at most; it is off by a few roundings of that, and of
    // the weight itself. The moments are geometric sums whose errors fade as fast as their terms.
    const double memory = 1.0 / (1.0 - std::max(spec.beta1, spec.beta2));
    for (Index i = 0; i < n; ++i) {
      const auto& want = model.reference[static_cast<std::size_t>(i)];
      ASSERT_NEAR(weight(i), want.weight,
                  steps * 0x1p-24 * (std::fabs(want.weight) + 1.0 + 30 * memory * rate))
          << "weight " << i;
      ASSERT_NEAR(m(i), want.m, 4 * 0x1p-24 * memory * largest) << "first moment " << i;
      ASSERT_NEAR(v(i), want.v, 8 * 0x1p-24 * memory * want.v + FLT_MIN) << "second moment " << i;
      ASSERT_EQ(copy(i), rounded<T>(weight(i))) << "copy " << i;
    }
  }
};
TYPED_TEST_SUITE(AdamStep, AllCases, CaseNames);

TYPED_TEST(AdamStep, FollowsTheReference) {
  for (const Index n : {1, 13, 2048, 2049, 30011}) {
    this->check(AdamSpec{}, n, 1, 1.0f);
    this->check(AdamSpec{}, n, 40, 1024.0f);
  }
  this->check(AdamSpec{0.9f, 0.999f, 1e-8f}, 1000, 40, 1.0f, 0.001f);
  this->check(AdamSpec{0.0f, 0.5f, 1e-3f}, 1000, 40, 0.5f, 0.01f);
  this->check(AdamSpec{0.9f, 0.999f, 1e-8f, 0.125f}, 1000, 40, 1.0f, 0.01f);
}

TYPED_TEST(AdamStep, SkipsAStepButClearsTheGradient) {
  using Real = typename TypeParam::T;
  for (const Index n : {1, 13, 200003}) {
    const AdamSpec spec;
    const Array weight = random_array<float>(n, 1, 1), m = random_array<float>(n, 1, 2);
    Array v = random_array<float>(n, 1, 3);
    for (double& x : v.values) x = std::fabs(x);
    const Array copy = random_array<Real>(n, 1, 4);
    auto device_weight = this->template send<float>(weight), device_m = this->template send<float>(m),
         device_v = this->template send<float>(v);
    auto gradient = this->template send<float>(Array(n, 1, INFINITY));
    auto device_copy = this->template send<Real>(copy);
    StepState initial;
    initial.overflow = 1;
    auto state = this->to_device(std::vector<StepState>{initial});
    prepare_update(this->context(), spec, LossScaling{true}, 1, state.data());
    adam_step(this->context(), spec, state.data(), device_weight.span(), gradient.span(), device_m.span(),
              device_v.span(), device_copy.span());
    expect_equal(this->fetch(device_weight), weight, "weight");
    expect_equal(this->fetch(device_m), m, "first moment");
    expect_equal(this->fetch(device_v), v, "second moment");
    expect_equal(this->fetch(device_copy), copy, "copy");
    expect_equal(this->fetch(gradient), Array(n), "gradient");
  }
}

// A skipped step leaves no trace: the bias corrections go on from the last step that was applied.
TYPED_TEST(AdamStep, GoesOnAfterASkippedStep) {
  using Real = typename TypeParam::T;
  const AdamSpec spec;
  reference::Adam want{StepState{}.learning_rate, spec.beta1, spec.beta2, spec.eps, 0.25};
  auto weight = this->template send<float>(Array(1, 1, 0.25));
  auto m = this->template send<float>(Array(1)), v = this->template send<float>(Array(1));
  Tensor<Real, typename TypeParam::Device> copy(1);
  StepState initial;
  initial.loss_scale = 64.0f;
  auto state = this->to_device(std::vector<StepState>{initial});
  const double gradients[] = {0.5, INFINITY, -0.25, 1.5, NAN, 0.125};
  float loss_scale = 64.0f;
  for (const double g : gradients) {
    auto gradient = this->template send<float>(Array(1, 1, g * loss_scale));
    check_finite(this->context(), std::span<const float>(gradient.span()), state.data(), nullptr);
    prepare_update(this->context(), spec, LossScaling{true}, 1, state.data());
    adam_step(this->context(), spec, state.data(), weight.span(), gradient.span(), m.span(), v.span(),
              copy.span());
    if (std::isfinite(g))
      want.step(g);
    else
      loss_scale *= 0.5f;
    EXPECT_NEAR(this->fetch(weight)(0), want.weight, 1e-7) << "after gradient " << g;
  }
  EXPECT_EQ(this->to_host(state)[0].step, 4);
  EXPECT_EQ(this->to_host(state)[0].skipped, 2);
}

TYPED_TEST(AdamStep, WorksWithoutACopyAndOnNothing) {
  using Real = typename TypeParam::T;
  const AdamSpec spec;
  reference::Adam want{StepState{}.learning_rate, spec.beta1, spec.beta2, spec.eps, 1.0};
  want.step(0.5);
  auto state = this->to_device(std::vector<StepState>{StepState{}});
  prepare_update(this->context(), spec, LossScaling{}, 1, state.data());
  auto weight = this->template send<float>(Array(5001, 1, 1.0)),
       gradient = this->template send<float>(Array(5001, 1, 0.5));
  auto m = this->template send<float>(Array(5001)), v = this->template send<float>(Array(5001));
  adam_step(this->context(), spec, state.data(), weight.span(), gradient.span(), m.span(), v.span(),
            std::span<Real>());
  const Array got = this->fetch(weight);
  for (Index i = 0; i < got.size(); ++i) ASSERT_NEAR(got(i), want.weight, 2e-7);
  adam_step(this->context(), spec, state.data(), std::span<float>(), std::span<float>(), std::span<float>(),
            std::span<float>(), std::span<Real>());
}

}  // namespace
}  // namespace neumf::test
