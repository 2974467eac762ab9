#include <algorithm>

#include "device_fixture.hpp"
#include "neumf/ops/memory.hpp"
#include "ops/reference/memory.hpp"

namespace neumf::test {
namespace {

template <class C>
struct MemoryInit : OpTest<C> {
  using typename OpTest<C>::Device;

  Array normal(const InitSpec& spec, float stddev, Index rows, Index cols) {
    auto out = this->template send<float>(Array(rows, cols, NAN));
    fill_normal(this->context(), spec, stddev, out.matrix());
    return this->fetch(out);
  }
  Array uniform(const InitSpec& spec, float limit, Index rows, Index cols) {
    auto out = this->template send<float>(Array(rows, cols, NAN));
    fill_uniform(this->context(), spec, limit, out.matrix());
    return this->fetch(out);
  }
  Array fill(bool is_normal, const InitSpec& spec, Index rows, Index cols) {
    return is_normal ? normal(spec, 1.0f, rows, cols) : uniform(spec, 1.0f, rows, cols);
  }
};
TYPED_TEST_SUITE(MemoryInit, DeviceCases, CaseNames);

// sqrt(n) times the largest distance between the empirical distribution and `cdf`. Beyond 2 with probability
// 7e-4 (Kolmogorov).
template <class Cdf>
double kolmogorov_smirnov(std::vector<double> values, const Cdf& cdf) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double distance = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double want = cdf(values[i]);
    distance = std::max({distance, std::fabs(want - static_cast<double>(i) / n),
                         std::fabs(want - static_cast<double>(i + 1) / n)});
  }
  return distance * std::sqrt(n);
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  double aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) aa += a[i] * a[i], bb += b[i] * b[i], ab += a[i] * b[i];
  return ab / std::sqrt(aa * bb);
}

TYPED_TEST(MemoryInit, NormalHasItsMoments) {
  const Array x = this->normal({5, 1, 0}, 0.01f, 2000, 130);
  const auto n = static_cast<double>(x.size());
  double mean = 0, variance = 0, fourth = 0;
  for (const double v : x.values) mean += v / 0.01 / n;
  for (const double v : x.values) {
    const double z = v / 0.01 - mean;
    variance += z * z / n;
    fourth += z * z * z * z / n;
  }
  // Four standard errors of each.
  EXPECT_NEAR(mean, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(variance, 1, 4 * std::sqrt(2 / n));
  EXPECT_NEAR(fourth, 3, 4 * std::sqrt(96 / n));
  EXPECT_LT(
      kolmogorov_smirnov(x.values, [](double v) { return 0.5 * std::erfc(-v / 0.01 / std::sqrt(2.0)); }),
      2.0);
}

TYPED_TEST(MemoryInit, UniformHasItsRange) {
  const Array x = this->uniform({5, 1, 0}, 0.25f, 2000, 130);
  const auto [least, largest] = std::minmax_element(x.values.begin(), x.values.end());
  EXPECT_GT(*least, -0.25);
  EXPECT_LT(*largest, 0.25);
  EXPECT_LT(*least, -0.2499);
  EXPECT_GT(*largest, 0.2499);
  EXPECT_LT(kolmogorov_smirnov(x.values, [](double v) { return (v + 0.25) / 0.5; }), 2.0);
}

TYPED_TEST(MemoryInit, FollowsTheFormulas) {
  for (const Index cols : {1, 13, 64}) {
    const InitSpec spec{77, 5, 1234567890123};
    const Array normal = this->normal(spec, 0.01f, 300, cols),
                uniform = this->uniform(spec, 0.25f, 300, cols);
    for (Index r = 0; r < 300; ++r)
      for (Index c = 0; c < cols; ++c) {
        // An angle near 2 pi and a root of a logarithm in fp32: some units in the last place of the largest.
        ASSERT_NEAR(normal(r, c), reference::normal_at(spec, 0.01, r, c), 0.01 * 4e-6) << r << ", " << c;
        ASSERT_NEAR(uniform(r, c), reference::uniform_at(spec, 0.25, r, c), 0.25 * 0x1p-23) << r << ", " << c;
      }
  }
}

TYPED_TEST(MemoryInit, DoesNotDependOnThePartitionOfRows) {
  for (const bool is_normal : {true, false})
    for (const Index cols : {1, 13, 64}) {
      const Array whole = this->fill(is_normal, {9, 3, 0}, 1000, cols);
      for (const auto& [first, count] : {std::pair<Index, Index>{0, 1}, {1, 998}, {517, 483}, {999, 1}}) {
        const Array part = this->fill(is_normal, {9, 3, static_cast<std::uint64_t>(first)}, count, cols);
        for (Index r = 0; r < count; ++r)
          for (Index c = 0; c < cols; ++c) ASSERT_EQ(part(r, c), whole(first + r, c));
      }
    }
}

TYPED_TEST(MemoryInit, RepeatsAndDoesNotRepeatAcrossSeedsTensorsAndRows) {
  for (const bool is_normal : {true, false}) {
    const InitSpec spec{9, 3, 0};
    const Array x = this->fill(is_normal, spec, 500, 64);
    expect_equal(this->fill(is_normal, spec, 500, 64), x, "value");
    const double bound = 4.0 / std::sqrt(static_cast<double>(x.size()));  // four standard errors
    for (const InitSpec& other :
         {InitSpec{10, 3, 0}, {9 + (std::uint64_t{1} << 32), 3, 0}, {9, 4, 0}, {9, 3, 500}, {9, 3, 1}})
      EXPECT_LT(std::fabs(correlation(x.values, this->fill(is_normal, other, 500, 64).values)), bound);
    // Neighbouring columns, and the cosine beside the sine of one Box-Muller pair.
    for (const Index lag : {1, 2, 3, 4}) {
      std::vector<double> left, right;
      for (Index r = 0; r < 500; ++r)
        for (Index c = 0; c + lag < 64; ++c) left.push_back(x(r, c)), right.push_back(x(r, c + lag));
      EXPECT_LT(std::fabs(correlation(left, right)), bound * 1.1) << "columns " << lag << " apart";
    }
  }
}

TYPED_TEST(MemoryInit, TakesNothing) {
  EXPECT_EQ(this->normal({}, 1.0f, 0, 8).size(), 0);
  EXPECT_EQ(this->uniform({}, 1.0f, 0, 8).size(), 0);
}

TYPED_TEST(MemoryInit, FillsWithZero) {
  for (const Index n : {0, 1, 13, 70001, 300007}) {
    // One more on either side, which must stay.
    auto floats = this->template send<float>(Array(n + 2, 1, 7.0));
    fill_zero(this->context(), floats.span().subspan(1, static_cast<std::size_t>(n)));
    auto doubles = this->to_device(std::vector<double>(static_cast<std::size_t>(n + 2), 7.0));
    fill_zero(this->context(), doubles.span().subspan(1, static_cast<std::size_t>(n)));
    Array want(n + 2);
    want(0) = want(n + 1) = 7.0;
    expect_equal(this->fetch(floats), want, "float");
    expect_equal(this->fetch(doubles), want, "double");
  }
}

}  // namespace
}  // namespace neumf::test
