#include "neumf/ops/linear.hpp"

#include "device_fixture.hpp"
#include "neumf/core/error.hpp"
#include "ops/reference/linear.hpp"

namespace neumf::test {
namespace {

struct Shape {
  Index groups, group_size, in, out;
};
constexpr Shape shapes[] = {{1, 1, 1, 1},      {3, 1, 8, 13},      {1, 5, 13, 1},
                            {300, 1, 64, 200}, {103, 5, 256, 128}, {7, 101, 13, 8},
                            {61, 5, 200, 64},  {257, 5, 128, 64},  {1030, 1, 1, 8}};

template <class C>
struct Linear : OpTest<C> {
  using typename OpTest<C>::T;

  // What backward_weights adds to gradients that are there.
  void expect_weight_gradients(const Array& dz, const Array& x) {
    const Array weight_grad = random_array<float>(dz.cols, x.cols, 10);
    const Array bias_grad = random_array<float>(dz.cols, 1, 11);
    const auto device_dz = this->template send<T>(dz), device_x = this->template send<T>(x);
    auto device_weight_grad = this->template send<float>(weight_grad);
    auto device_bias_grad = this->template send<float>(bias_grad);
    linear_backward_weights(this->context(), view(device_dz), view(device_x), device_weight_grad.matrix(),
                            device_bias_grad.data());
    const auto want = reference::linear_backward_weights(dz, x, weight_grad, bias_grad);
    expect_close<float>(this->fetch(device_weight_grad), want.weight, "weight gradient");
    expect_close<float>(this->fetch(device_bias_grad), want.bias, "bias gradient");
  }
};
TYPED_TEST_SUITE(Linear, AllCases, CaseNames);

TYPED_TEST(Linear, ForwardMatchesTheReference) {
  using Real = typename TypeParam::T;
  for (const auto& [groups, group_size, in, out] : shapes)
    for (const float rate : {0.0f, 0.5f}) {
      SCOPED_TRACE(testing::Message() << groups << " groups of " << group_size << ", " << in << " to " << out
                                      << ", dropout " << rate);
      const auto batch = random_batch(groups, group_size, 10, 10, 1);
      const Array x = random_activations<Real>(batch.samples(), in, 2);
      const Array weight = random_array<Real>(out, in, 3), bias = random_array<float>(out, 1, 4);
      const Dropout dropout = Dropout::at_rate(rate, 99, 1, 2);
      const auto device_batch = this->send_batch(batch);
      const auto device_x = this->template send<Real>(x), device_weight = this->template send<Real>(weight);
      const auto device_bias = this->template send<float>(bias);
      auto y = this->template send<Real>(Array(batch.samples(), out, NAN));
      linear_forward(this->context(), device_batch.view(), view(device_x), view(device_weight),
                     device_bias.data(), dropout, y.matrix());
      expect_close<Real>(this->fetch(y), reference::linear_forward(batch, x, weight, bias, dropout), "y");
    }
}

TYPED_TEST(Linear, BackwardInputMatchesTheReference) {
  using Real = typename TypeParam::T;
  for (const auto& [groups, group_size, in, out] : shapes)
    for (const float keep_scale : {1.0f, 2.0f, 1.25f}) {
      const Index n = groups * group_size;
      SCOPED_TRACE(testing::Message()
                   << n << " samples, " << in << " to " << out << ", scale " << keep_scale);
      const Array dz = random_array<Real>(n, out, 5), weight = random_array<Real>(out, in, 6);
      const Array x = random_activations<Real>(n, in, 7);
      const auto device_dz = this->template send<Real>(dz), device_weight = this->template send<Real>(weight);
      const auto device_x = this->template send<Real>(x);
      auto dx = this->template send<Real>(Array(n, in, NAN));
      linear_backward_input(this->context(), view(device_dz), view(device_weight), view(device_x), keep_scale,
                            dx.matrix());
      expect_close<Real>(this->fetch(dx), reference::linear_backward_input(dz, weight, x, keep_scale), "dx");
    }
}

TYPED_TEST(Linear, BackwardWeightsAddsToTheGradients) {
  using Real = typename TypeParam::T;
  for (const auto& [groups, group_size, in, out] : shapes) {
    const Index n = groups * group_size;
    SCOPED_TRACE(testing::Message() << n << " samples, " << in << " to " << out);
    this->expect_weight_gradients(random_array<Real>(n, out, 8), random_activations<Real>(n, in, 9));
  }
}

// Enough rows for the device to try what its library fuses.
TYPED_TEST(Linear, ManyRowsMatchTheReference) {
  using Real = typename TypeParam::T;
  for (const Index groups : {820, 1639}) {  // 4,100 and 8,195 rows
    const Index n = groups * 5, in = 16, out = 8;
    SCOPED_TRACE(testing::Message() << n << " rows");
    const auto batch = random_batch(groups, 5, 10, 10, 1);
    const Array x = random_activations<Real>(n, in, 2), dz = random_array<Real>(n, out, 5);
    const Array weight = random_array<Real>(out, in, 3), bias = random_array<float>(out, 1, 4);
    const auto device_batch = this->send_batch(batch);
    const auto device_x = this->template send<Real>(x), device_dz = this->template send<Real>(dz);
    const auto device_weight = this->template send<Real>(weight);
    const auto device_bias = this->template send<float>(bias);
    // Twice: the first use of a shape may choose the way.
    for (int use = 0; use < 2; ++use) {
      auto y = this->template send<Real>(Array(n, out, NAN));
      linear_forward(this->context(), device_batch.view(), view(device_x), view(device_weight),
                     device_bias.data(), Dropout{}, y.matrix());
      // A library that adds the bias wants it in the type of the result.
      auto want = reference::linear_forward(batch, x, weight, bias, Dropout{});
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < out; ++j) want.rounded(i, j) += std::fabs(bias(j));
      expect_close<Real>(this->fetch(y), want, "y");
      auto dx = this->template send<Real>(Array(n, in, NAN));
      linear_backward_input(this->context(), view(device_dz), view(device_weight), view(device_x), 2.0f,
                            dx.matrix());
      expect_close<Real>(this->fetch(dx), reference::linear_backward_input(dz, weight, x, 2.0f), "dx");
      this->expect_weight_gradients(dz, x);
    }
  }
}

// An overflow does not pass for a unit that is off: where there is dropout, which is ours. Without it a
// library's ReLU may be used.
TYPED_TEST(Linear, ForwardKeepsWhatIsNotANumber) {
  using Real = typename TypeParam::T;
  for (const Index width : {8, 13})  // in vectors and without
    for (const float rate : {0.25f, 0.5f}) {
      const auto batch = random_batch(9, 5, 10, 10, 1);
      Array x = random_activations<Real>(batch.samples(), width, 2);
      x(7, 3) = NAN;
      const Array weight = random_array<Real>(width, width, 3), bias = random_array<float>(width, 1, 4);
      const Dropout dropout = Dropout::at_rate(rate, 99, 1, 2);
      const auto device_batch = this->send_batch(batch);
      const auto device_x = this->template send<Real>(x), device_weight = this->template send<Real>(weight);
      const auto device_bias = this->template send<float>(bias);
      auto y = this->template send<Real>(Array(batch.samples(), width));
      linear_forward(this->context(), device_batch.view(), view(device_x), view(device_weight),
                     device_bias.data(), dropout, y.matrix());
      const Array got = this->fetch(y);
      for (Index i = 0; i < got.rows; ++i)
        for (Index j = 0; j < width; ++j) {
          const std::uint64_t id =
              batch.ids[static_cast<std::size_t>(i / 5)] + static_cast<std::uint64_t>(i % 5);
          const bool kept = dropout.keep(id, static_cast<std::uint32_t>(j));
          ASSERT_EQ(std::isnan(got(i, j)), i == 7 && kept) << i << ", " << j << ", dropout " << rate;
        }
    }
}

// fp16 gradients are often subnormal; the mask and the scaling must not lose them.
TYPED_TEST(Linear, BackwardInputKeepsSubnormalGradients) {
  using Real = typename TypeParam::T;
  const Index n = 300, width = 8;
  Array dz = random_array<Real>(n, width, 12), weight(width, width), x(n, width, 1.0);
  for (Index i = 0; i < n; ++i)
    for (Index k = 0; k < width; ++k) dz(i, k) = 0x1p-20 * static_cast<double>(1 + (i * width + k) % 15);
  for (Index k = 0; k < width; ++k) weight(k, k) = 1.0;
  const auto device_dz = this->template send<Real>(dz), device_weight = this->template send<Real>(weight);
  const auto device_x = this->template send<Real>(x);
  Tensor<Real, typename TypeParam::Device> dx(n, width);
  linear_backward_input(this->context(), view(device_dz), view(device_weight), view(device_x), 1.0f,
                        dx.matrix());
  expect_equal(this->fetch(dx), dz, "dx");  // the identity, and every value is exact in all types
}

TYPED_TEST(Linear, TakesAnEmptyBatch) {
  using Real = typename TypeParam::T;
  const auto batch = this->send_batch(random_batch(0, 5, 10, 10, 1));
  const auto x = this->template send<Real>(Array(0, 13)), dz = this->template send<Real>(Array(0, 8));
  const auto weight = this->template send<Real>(random_array<Real>(8, 13, 2));
  const Array old = random_array<float>(8, 13, 3), old_bias = random_array<float>(8, 1, 4);
  auto weight_grad = this->template send<float>(old), bias_grad = this->template send<float>(old_bias);
  Tensor<Real, typename TypeParam::Device> y(0, 8), dx(0, 13);
  linear_forward(this->context(), batch.view(), view(x), view(weight), bias_grad.data(),
                 Dropout::at_rate(0.5f, 1, 1, 1), y.matrix());
  linear_backward_input(this->context(), view(dz), view(weight), view(x), 2.0f, dx.matrix());
  linear_backward_weights(this->context(), view(dz), view(x), weight_grad.matrix(), bias_grad.data());
  expect_equal(this->fetch(weight_grad), old, "weight gradient");
  expect_equal(this->fetch(bias_grad), old_bias, "bias gradient");
}

TYPED_TEST(Linear, RefusesMismatchedShapes) {
  using Real = typename TypeParam::T;
  using Where = typename TypeParam::Device;
  const auto batch = this->send_batch(random_batch(4, 1, 10, 10, 1)),
             other = this->send_batch(random_batch(5, 1, 10, 10, 1));
  Tensor<Real, Where> x(4, 6), wide(4, 7), weight(3, 6), y(4, 3), dx(4, 6), none(3, 0), nothing(4, 0);
  Tensor<float, Where> weight_grad(3, 6), transposed(6, 3), bias(3);
  auto& context = this->context();
  const auto forward = [&](const auto& block, const auto& in, const auto& w, auto& out) {
    linear_forward(context, block.view(), view(in), view(w), bias.data(), Dropout{}, out.matrix());
  };
  EXPECT_THROW(forward(batch, wide, weight, y), Error);
  EXPECT_THROW(forward(batch, x, weight, dx), Error);
  EXPECT_THROW(forward(other, x, weight, y), Error);
  EXPECT_THROW(forward(batch, nothing, none, y), Error);
  const auto backward_input = [&](const auto& dz, const auto& in) {
    linear_backward_input(context, view(dz), view(weight), view(in), 1.0f, dx.matrix());
  };
  EXPECT_THROW(backward_input(y, wide), Error);
  EXPECT_THROW(backward_input(x, x), Error);
  EXPECT_THROW(linear_backward_weights(context, view(y), view(x), transposed.matrix(), bias.data()), Error);
}

TYPED_TEST(Linear, RepeatsBitForBit) {
  using Real = typename TypeParam::T;
  const auto dz = this->template send<Real>(random_array<Real>(3001, 64, 1));
  const auto x = this->template send<Real>(random_activations<Real>(3001, 128, 2));
  Array first_weight, first_bias;
  for (int run = 0; run < 3; ++run) {
    auto weight_grad = this->template send<float>(Array(64, 128)),
         bias_grad = this->template send<float>(Array(64));
    linear_backward_weights(this->context(), view(dz), view(x), weight_grad.matrix(), bias_grad.data());
    if (run == 0) first_weight = this->fetch(weight_grad), first_bias = this->fetch(bias_grad);
    expect_equal(this->fetch(weight_grad), first_weight, "weight gradient");
    expect_equal(this->fetch(bias_grad), first_bias, "bias gradient");
  }
}

}  // namespace
}  // namespace neumf::test
