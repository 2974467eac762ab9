#include "neumf/random/dropout.hpp"

#include "device_fixture.hpp"
#include "neumf/ops/linear.hpp"
#include "neumf/ops/pair.hpp"

namespace neumf::test {
namespace {

template <class C>
struct DropoutTest : OpTest<C> {
  using typename OpTest<C>::Device, typename OpTest<C>::T;

  // What a layer makes of ones: keep_scale where a unit is kept, zero where it is dropped.
  Array through_pair(const reference::Batch& batch, const Dropout& dropout, Index width) {
    const auto device_batch = this->send_batch(batch);
    const auto user = this->template send<T>(Array(batch.groups, width));
    const auto item = this->template send<T>(Array(batch.samples(), width));
    const auto bias = this->template send<float>(Array(width, 1, 1.0));
    Tensor<T, Device> out(batch.samples(), width);
    pair_forward(this->context(), device_batch.view(), view(user), view(item), nullptr, bias.data(), dropout,
                 out.matrix());
    return this->fetch(out);
  }
  Array through_linear(const reference::Batch& batch, const Dropout& dropout, Index width) {
    const auto device_batch = this->send_batch(batch);
    const auto x = this->template send<T>(Array(batch.samples(), 3));
    const auto weight = this->template send<T>(Array(width, 3));
    const auto bias = this->template send<float>(Array(width, 1, 1.0));
    Tensor<T, Device> y(batch.samples(), width);
    linear_forward(this->context(), device_batch.view(), view(x), view(weight), bias.data(), dropout,
                   y.matrix());
    return this->fetch(y);
  }
};
TYPED_TEST_SUITE(DropoutTest, AllCases, CaseNames);

TYPED_TEST(DropoutTest, DropsTheUnitsThatTheDefinitionDrops) {
  using Real = typename TypeParam::T;
  for (const Index width : {1, 7, 8, 13, 64, 200, 256, 1000})
    for (const auto& [groups, group_size] : {std::pair<Index, Index>{1, 1}, {150, 1}, {131, 5}, {3, 101}})
      for (const float rate : {0.5f, 0.1f, 0.999f}) {
        const auto batch = random_batch(groups, group_size, 5, 5, static_cast<std::uint64_t>(width));
        const Dropout dropout = Dropout::at_rate(rate, 0x123456789ABCDEF0u, 29, 3);
        const Array pair = this->through_pair(batch, dropout, width);
        const Array linear = this->through_linear(batch, dropout, width);
        for (Index s = 0; s < batch.samples(); ++s)
          for (Index k = 0; k < width; ++k) {
            const bool keep = dropout.keep(batch.id(s), static_cast<std::uint32_t>(k));
            const double want = keep ? rounded<Real>(dropout.keep_scale) : 0.0;
            ASSERT_EQ(pair(s, k), want) << "sample " << s << ", unit " << k << " of " << width;
            ASSERT_EQ(linear(s, k), want) << "sample " << s << ", unit " << k << " of " << width;
          }
      }
}

TYPED_TEST(DropoutTest, DoesNotDependOnThePlaceInTheBatch) {
  auto batch = random_batch(200, 5, 5, 5, 1);
  const Dropout dropout = Dropout::at_rate(0.5f, 3, 1, 1);
  const Array all = this->through_linear(batch, dropout, 24);
  const Index first = 77;
  batch.groups = 50;
  batch.ids.erase(batch.ids.begin(), batch.ids.begin() + first);
  const Array part = this->through_linear(batch, dropout, 24);
  for (Index s = 0; s < batch.samples(); ++s)
    for (Index k = 0; k < 24; ++k) ASSERT_EQ(part(s, k), all(first * 5 + s, k));
}

// The rate is the binomial's within four standard deviations, over all samples and for every unit; the mean
// of the activations is preserved.
TEST(Dropout, DropsAtItsRate) {
  for (const float rate : {0.0f, 0.1f, 0.25f, 0.5f, 0.9f}) {
    const Dropout dropout = Dropout::at_rate(rate, 17, 2, 1);
    EXPECT_EQ(dropout.active(), rate > 0);
    const std::uint32_t width = 64, samples = 4000;
    std::vector<int> dropped(width, 0);
    double kept = 0;
    for (std::uint64_t id = 0; id < samples; ++id)
      for (std::uint32_t unit = 0; unit < width; ++unit) {
        const bool keep = dropout.keep(id, unit);
        dropped[unit] += !keep;
        kept += keep ? dropout.keep_scale : 0.0;
      }
    const double deviation = std::sqrt(samples * rate * (1.0 - rate));
    double total = 0;
    for (const int count : dropped) {
      EXPECT_NEAR(count, samples * rate, 4.5 * deviation + 0.1);  // 64 units: 4.5 once in 2,000 tests
      total += count;
    }
    EXPECT_NEAR(total, width * samples * rate, 4 * deviation * std::sqrt(width) + 0.1);
    const double mean = kept / (width * samples);
    EXPECT_NEAR(mean, 1.0, 4 * deviation * std::sqrt(width) * dropout.keep_scale / (width * samples) + 1e-4);
  }
}

TEST(Dropout, RoundsTheRateAndScalesByWhatItRoundedTo) {
  const Dropout third = Dropout::at_rate(1.0f / 3.0f, 1, 0, 0);
  EXPECT_EQ(third.threshold, 21845u);
  EXPECT_FLOAT_EQ(third.keep_scale, 65536.0f / (65536.0f - 21845.0f));
  EXPECT_EQ(Dropout::at_rate(0.5f, 1, 0, 0).keep_scale, 2.0f);
  EXPECT_EQ(Dropout::at_rate(0.0f, 1, 0, 0).keep_scale, 1.0f);
  const Dropout most = Dropout::at_rate(0.9999999f, 1, 0, 0);
  EXPECT_EQ(most.threshold, 65535u);
  EXPECT_TRUE(std::isfinite(most.keep_scale));
}

// Masks of other layers, epochs, seeds, samples and units agree no more often than coins do.
TEST(Dropout, IsIndependentAcrossWhatItIsKeyedBy) {
  const Dropout base = Dropout::at_rate(0.5f, 21, 4, 1);
  const auto agreement = [&](const Dropout& other, std::uint64_t id_shift, std::uint32_t unit_shift) {
    int equal = 0;
    for (std::uint64_t id = 0; id < 1000; ++id)
      for (std::uint32_t unit = 0; unit < 64; ++unit)
        equal += base.keep(id, unit) == other.keep(id + id_shift, unit + unit_shift);
    return equal;
  };
  const double four_deviations = 4 * std::sqrt(64000 * 0.25);
  const auto expect_coins = [&](int equal, const char* what) {
    EXPECT_NEAR(equal, 32000, four_deviations) << what;
  };
  EXPECT_EQ(agreement(base, 0, 0), 64000);
  expect_coins(agreement(Dropout::at_rate(0.5f, 21, 4, 2), 0, 0), "layer");
  expect_coins(agreement(Dropout::at_rate(0.5f, 21, 4, 0), 0, 0), "layer 0");
  expect_coins(agreement(Dropout::at_rate(0.5f, 21, 5, 1), 0, 0), "epoch");
  expect_coins(agreement(Dropout::at_rate(0.5f, 22, 4, 1), 0, 0), "seed");
  expect_coins(agreement(Dropout::at_rate(0.5f, 21 + (std::uint64_t{1} << 32), 4, 1), 0, 0),
               "seed's high half");
  expect_coins(agreement(base, 1, 0), "next sample");
  expect_coins(agreement(base, std::uint64_t{1} << 32, 0), "sample 2^32 on");
  for (const std::uint32_t shift : {1u, 2u, 4u, 8u}) expect_coins(agreement(base, 0, shift), "other unit");
}

}  // namespace
}  // namespace neumf::test
