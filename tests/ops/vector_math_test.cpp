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

TEST(VectorMath, DivisionByARootIsWithinFourUnits) {
  double worst = 0;
  for (float v = 1e-30f; v < 1e30f; v *= 1.0007f)
    for (const float scale : {1.0f, 1.4142135f})
      for (const float eps : {0.0f, 1e-8f, 0.1f}) {
        const float x = 0.37f;
        const double want = x / (std::sqrt(static_cast<double>(v)) * scale + eps);
        worst = std::max(worst, units_off(divided_by_root(Lanes{} + x, Lanes{} + v, scale, eps)[0], want));
      }
  EXPECT_LE(worst, 4.0);
  // Moments that are zero, as those of rows without gradients.
  EXPECT_EQ(divided_by_root(Lanes{}, Lanes{}, 1.0f, 1e-8f)[15], 0.0f);
}

}  // namespace
}  // namespace neumf::cpu
