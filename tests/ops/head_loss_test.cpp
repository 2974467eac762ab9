#include "device_fixture.hpp"
#include "neumf/ops/head.hpp"
#include "ops/reference/head.hpp"

namespace neumf::test {
namespace {

template <class C>
struct Head : OpTest<C> {
  using typename OpTest<C>::Device, typename OpTest<C>::T;

  struct Outputs {
    Array logits, dlogits, dh, weight_grad, bias_grad, loss;
  };

  Tensor<double, Device> send_double(double value) { return this->to_device(std::vector<double>{value}); }

  Outputs run(const reference::Batch& batch, const Array& h, const Array& weight, const Array& logits,
              const Array& weight_grad, double bias_grad, double loss, float scale, float loss_scale,
              float keep_scale) {
    const auto device_batch = this->send_batch(batch);
    const auto device_h = this->template send<T>(h);
    const auto device_weight = this->template send<float>(weight);
    const auto device_scale = this->template send<float>(Array(1, 1, loss_scale));
    auto device_logits = this->template send<float>(logits);
    auto dlogits = this->template send<float>(Array(h.rows, 1, NAN));
    auto dh = this->template send<T>(Array(h.rows, h.cols, NAN));
    auto device_weight_grad = this->template send<float>(weight_grad);
    auto device_bias_grad = this->template send<float>(Array(1, 1, bias_grad));
    auto device_loss = send_double(loss);
    head_loss(this->context(), view(device_h), device_weight.data(), device_batch.labels.data(), scale,
              device_scale.data(), keep_scale, device_logits.data(), dlogits.data(), dh.matrix(),
              device_weight_grad.data(), device_bias_grad.data(), device_loss.data());
    return {this->fetch(device_logits),      this->fetch(dlogits),          this->fetch(dh),
            this->fetch(device_weight_grad), this->fetch(device_bias_grad), this->fetch(device_loss)};
  }
};
TYPED_TEST_SUITE(Head, AllCases, CaseNames);

TYPED_TEST(Head, ForwardAddsToTheLogits) {
  using Real = typename TypeParam::T;
  for (const Index width : {1, 8, 13, 64, 200, 256})
    for (const Index n : {0, 1, 7, 3001}) {
      SCOPED_TRACE(testing::Message() << n << " samples, width " << width);
      const Array h = random_activations<Real>(n, width, 1), weight = random_array<float>(width, 1, 2);
      const Array logits = random_array<float>(n, 1, 3);
      const auto device_h = this->template send<Real>(h);
      const auto device_weight = this->template send<float>(weight);
      auto device_logits = this->template send<float>(logits);
      head_forward(this->context(), view(device_h), device_weight.data(), device_logits.data());
      expect_close<float>(this->fetch(device_logits), reference::head_forward(h, weight, logits), "logit");
    }
}

TYPED_TEST(Head, LossAndGradientsMatchTheReference) {
  using Real = typename TypeParam::T;
  for (const Index width : {1, 8, 13, 64, 200, 256})
    for (const Index n : {1, 7, 257, 3001})
      for (const float keep_scale : {1.0f, 1.25f}) {
        SCOPED_TRACE(testing::Message() << n << " samples, width " << width << ", keep scale " << keep_scale);
        const auto batch = random_batch(n, 1, 10, 10, 1);
        const Array h = random_activations<Real>(n, width, 2);
        const Array weight = random_array<float>(width, 1, 3, 1.0 / std::sqrt(static_cast<double>(width)));
        const Array logits = random_array<float>(n, 1, 4), weight_grad = random_array<float>(width, 1, 5);
        // Powers of two, so that their product is exact.
        const float scale = 0x1p-8f, loss_scale = 512.0f;
        const auto got =
            this->run(batch, h, weight, logits, weight_grad, 0.75, 3.5, scale, loss_scale, keep_scale);
        const auto want =
            reference::head_loss(batch, h, weight, 2.0, keep_scale, logits, weight_grad, 0.75, 3.5);
        expect_close<float>(got.logits, want.logits, "logit");
        expect_close<float>(got.dlogits, want.dlogits, "logit gradient");
        expect_close<Real>(got.dh, want.dh, "dh");
        expect_close<float>(got.weight_grad, want.weight, "weight gradient");
        expect_close<float>(got.bias_grad, want.bias, "bias gradient");
        expect_close<float>(got.loss, want.loss, "loss");
      }
}

TYPED_TEST(Head, BackwardMatchesTheReference) {
  using Real = typename TypeParam::T;
  for (const Index width : {1, 8, 13, 64, 200, 256})
    for (const Index n : {0, 1, 7, 257, 3001}) {
      SCOPED_TRACE(testing::Message() << n << " samples, width " << width);
      const Array h = random_activations<Real>(n, width, 2), weight = random_array<float>(width, 1, 3);
      const Array dlogits = random_array<float>(n, 1, 4), weight_grad = random_array<float>(width, 1, 5);
      const auto device_h = this->template send<Real>(h);
      const auto device_weight = this->template send<float>(weight);
      const auto device_dlogits = this->template send<float>(dlogits);
      auto dh = this->template send<Real>(Array(n, width, NAN));
      auto device_weight_grad = this->template send<float>(weight_grad);
      head_backward(this->context(), view(device_h), device_weight.data(), device_dlogits.data(), 1.25f,
                    dh.matrix(), device_weight_grad.data());
      const auto want = reference::head_backward(h, weight, dlogits, 1.25, weight_grad);
      expect_close<Real>(this->fetch(dh), want.dh, "dh");
      expect_close<float>(this->fetch(device_weight_grad), want.weight, "weight gradient");
    }
}

// The header's formula never overflows, however sure the model is.
TYPED_TEST(Head, TakesExtremeLogits) {
  const std::vector<double> extremes{-1e30, -1000, -104, -88, -20, -1e-30, 0, 1e-30, 20, 88, 104, 1000, 1e30};
  const auto n = static_cast<Index>(extremes.size());
  for (const std::uint8_t label : {std::uint8_t{0}, std::uint8_t{1}}) {
    reference::Batch batch{n, 1, {}, {}, {}, std::vector<std::uint8_t>(extremes.size(), label)};
    Array logits(n);
    for (std::size_t i = 0; i < extremes.size(); ++i) logits.values[i] = static_cast<float>(extremes[i]);
    const auto got = this->run(batch, Array(n, 1), Array(1), logits, Array(1), 0, 0, 1.0f, 1.0f, 1.0f);
    double loss = 0;
    for (Index s = 0; s < n; ++s) {
      const double z = logits(s), d = 1.0 / (1.0 + std::exp(-z)) - label;
      EXPECT_NEAR(got.dlogits(s), d, 0x1p-22) << "logit " << z << ", label " << int{label};
      loss += reference::bce(z, label);
    }
    EXPECT_NEAR(got.loss(0), loss, 1e-6 * loss) << "label " << int{label};
  }
}

// Any nonzero label is a positive.
TYPED_TEST(Head, TakesAnyNonzeroLabelAsPositive) {
  const reference::Batch batch{3, 1, {}, {}, {}, {1, 2, 255}};
  const auto got = this->run(batch, Array(3, 1), Array(1), Array(3), Array(1), 0, 0, 1.0f, 1.0f, 1.0f);
  for (Index s = 0; s < 3; ++s) EXPECT_EQ(got.dlogits(s), -0.5);
}

TYPED_TEST(Head, TakesAnEmptyBatch) {
  const reference::Batch batch{0, 1, {}, {}, {}, {}};
  const Array weight = random_array<float>(8, 1, 1), weight_grad = random_array<float>(8, 1, 2);
  const auto got = this->run(batch, Array(0, 8), weight, Array(0), weight_grad, 0.5, 2.5, 1.0f, 1.0f, 2.0f);
  expect_equal(got.weight_grad, weight_grad, "weight gradient");
  EXPECT_EQ(got.bias_grad(0), 0.5);
  EXPECT_EQ(got.loss(0), 2.5);
}

TYPED_TEST(Head, RepeatsBitForBit) {
  using Real = typename TypeParam::T;
  const auto batch = random_batch(5000, 1, 10, 10, 1);
  const Array h = random_activations<Real>(5000, 64, 2), weight = random_array<float>(64, 1, 3);
  const Array logits = random_array<float>(5000, 1, 4);
  Array weight_grad, bias_grad, loss;
  for (int run = 0; run < 3; ++run) {
    const auto got = this->run(batch, h, weight, logits, Array(64), 0, 0, 1.0f, 1.0f, 2.0f);
    if (run == 0) weight_grad = got.weight_grad, bias_grad = got.bias_grad, loss = got.loss;
    expect_equal(got.weight_grad, weight_grad, "weight gradient");
    expect_equal(got.bias_grad, bias_grad, "bias gradient");
    expect_equal(got.loss, loss, "loss");
  }
}

template <class C>
struct Bce : OpTest<C> {};
TYPED_TEST_SUITE(Bce, DeviceCases, CaseNames);

TYPED_TEST(Bce, BiasForwardStartsEveryLogit) {
  for (const Index n : {0, 1, 300, 5003}) {
    const auto bias = this->template send<float>(Array(1, 1, 0.75));
    auto logits = this->template send<float>(Array(n, 1, NAN));
    bias_forward(this->context(), n, bias.data(), logits.data());
    expect_equal(this->fetch(logits), Array(n, 1, 0.75), "logit");
  }
}

// The head's loss and gradients, where the MLP contributes nothing.
TYPED_TEST(Bce, LogitLossMatchesTheReference) {
  for (const Index n : {0, 1, 13, 5003, 40001}) {
    SCOPED_TRACE(testing::Message() << n << " samples");
    const auto batch = random_batch(n, 1, 10, 10, 1);
    const Array logits = random_array<float>(n, 1, 2, 5.0);
    const auto device_batch = this->send_batch(batch);
    const auto device_logits = this->template send<float>(logits);
    const auto loss_scale = this->template send<float>(Array(1, 1, 512.0));
    auto dlogits = this->template send<float>(Array(n, 1, NAN));
    auto bias_grad = this->template send<float>(Array(1, 1, 0.75));
    auto loss = this->to_device(std::vector<double>{3.5});
    logit_loss(this->context(), n, device_logits.data(), device_batch.labels.data(), 0x1p-8f,
               loss_scale.data(), dlogits.data(), bias_grad.data(), loss.data());
    const auto want =
        reference::head_loss(batch, Array(n, 1), Array(1), 2.0, 1.0, logits, Array(1), 0.75, 3.5);
    expect_close<float>(this->fetch(dlogits), want.dlogits, "logit gradient");
    expect_close<float>(this->fetch(bias_grad), want.bias, "bias gradient");
    expect_close<float>(this->fetch(loss), want.loss, "loss");
  }
}

TYPED_TEST(Bce, AddsTheLossOfAllSamples) {
  for (const Index n : {0, 1, 13, 5003, 40001}) {
    const auto batch = random_batch(n, 1, 10, 10, 1);
    const Array logits = random_array<float>(n, 1, 2, 5.0);
    const auto device_batch = this->send_batch(batch);
    const auto device_logits = this->template send<float>(logits);
    auto loss = this->to_device(std::vector<double>{12.25});
    bce_loss(this->context(), n, device_logits.data(), device_batch.labels.data(), loss.data());
    double want = 12.25;
    for (Index s = 0; s < n; ++s) want += reference::bce(logits(s), batch.label(s));
    // Each loss is an fp32 number; they are added in double.
    EXPECT_NEAR(this->fetch(loss)(0), want, 1e-6 * want) << n << " samples";
  }
}

}  // namespace
}  // namespace neumf::test
