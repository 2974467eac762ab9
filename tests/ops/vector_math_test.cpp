#include "ops/cpu/vector_math.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace neumf::cpu {
namespace {

// How far `got` is from `want`, in units in the last place of a float of that size.
double units_off(double got, double want) {
  return std::fabs(got - want) / std::ldexp(1.0, std::ilogb(want) - 23);
}

TEST(VectorMath, ExponentialIsWithinTwoUnits) {
  double worst = 0;
  for (float x = 0.0f; x >= -86.9f; x -= 1.0f / 8192)
    worst = std::max(worst, units_off(exp_of_negative(x), std::exp(static_cast<double>(x))));
  EXPECT_LE(worst, 2.0);
  EXPECT_EQ(exp_of_negative(0.0f), 1.0f);
  EXPECT_EQ(exp_of_negative(-1000.0f), exp_of_negative(-87.0f));
  EXPECT_LT(exp_of_negative(-std::numeric_limits<float>::infinity()), 1e-37f);
  EXPECT_TRUE(std::isnan(exp_of_negative(std::numeric_limits<float>::quiet_NaN())));
}

TEST(VectorMath, LogarithmIsWithinThreeUnits) {
  double worst = 0;
  for (float x = 1.0f; x > 1e-30f; x *= 0.9999f)
    worst = std::max(worst, units_off(log1p_of_unit(x), std::log1p(static_cast<double>(x))));
  EXPECT_LE(worst, 3.0);
  EXPECT_EQ(log1p_of_unit(0.0f), 0.0f);
  EXPECT_TRUE(std::isnan(log1p_of_unit(std::numeric_limits<float>::quiet_NaN())));
}

TEST(VectorMath, RootAndQuotientAreWithinTwoUnits) {
  double worst_root = 0, worst_quotient = 0;
  for (float x = 1e-30f; x < 1e30f; x *= 1.0007f) {
    worst_root = std::max(worst_root, units_off(root(Lanes{} + x)[0], std::sqrt(static_cast<double>(x))));
    for (const float y : {0.37f, -1.9e4f})
      worst_quotient = std::max(worst_quotient,
                                units_off(quotient(Lanes{} + y, Lanes{} + x)[0], static_cast<double>(y) / x));
  }
  EXPECT_LE(worst_root, 2.0);
  EXPECT_LE(worst_quotient, 2.0);
  // Moments that are zero, as those of rows without gradients.
  EXPECT_EQ(root(Lanes{})[15], 0.0f);
  EXPECT_EQ(quotient(Lanes{}, Lanes{} + 1e-8f)[15], 0.0f);
}

}  // namespace
}  // namespace neumf::cpu
