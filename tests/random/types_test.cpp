#include "neumf/core/types.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "neumf/core/context.hpp"

namespace neumf {
namespace {

// The number that a bit pattern stands for, from the definition of the formats.
double value_of(std::uint16_t bits, int exponent_bits, int mantissa_bits) {
  const int exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const int mantissa = bits & ((1 << mantissa_bits) - 1);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1)
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
}

template <class T>
struct Format;
template <>
struct Format<bfloat16> {
  static constexpr int exponent_bits = 8, mantissa_bits = 7;
};
template <>
struct Format<float16> {
  static constexpr int exponent_bits = 5, mantissa_bits = 10;
};

template <class T>
double value_of(std::uint16_t bits) {
  return value_of(bits, Format<T>::exponent_bits, Format<T>::mantissa_bits);
}

// Rounds to the nearest, ties to even, by the definition: among the patterns of the same sign, whose order is
// that of their values, infinity standing where the next number would be.
template <class T>
std::uint16_t nearest(float value) {
  constexpr std::uint16_t infinity = ((1 << Format<T>::exponent_bits) - 1) << Format<T>::mantissa_bits;
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::fabs(static_cast<double>(value));
  if (std::isinf(value)) return sign | infinity;
  const double step = value_of<T>(infinity - 1) - value_of<T>(infinity - 2);
  const auto at = [&](int bits) {
    return bits == infinity ? value_of<T>(infinity - 1) + step
                            : value_of<T>(static_cast<std::uint16_t>(bits));
  };
  int below = 0, above = infinity;  // at(below) <= magnitude, bisecting
  if (magnitude >= at(above)) return sign | infinity;
  while (above - below > 1) {
    const int middle = (below + above) / 2;
    (at(middle) <= magnitude ? below : above) = middle;
  }
  const double down = magnitude - at(below), up = at(above) - magnitude;
  const int result = down < up ? below : up < down ? above : below % 2 == 0 ? below : above;
  return static_cast<std::uint16_t>(sign | result);
}

template <class T>
class HalfTypes : public testing::Test {};
using Types = testing::Types<bfloat16, float16>;
TYPED_TEST_SUITE(HalfTypes, Types);

// Every pattern, from a thread as it starts and from one on which a context has switched subnormal arithmetic
// off.
TYPED_TEST(HalfTypes, WidensEveryPattern) {
  const auto check = [] {
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
      const float got = to_float(TypeParam{static_cast<std::uint16_t>(bits)});
      const double want = value_of<TypeParam>(static_cast<std::uint16_t>(bits));
      if (std::isnan(want)) {
        ASSERT_TRUE(std::isnan(got)) << bits;
      } else {
        // Compared as bits, since a comparison may itself flush subnormal floats.
        const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(got) & 0x7FFFFFFFu;
        ASSERT_EQ(std::bit_cast<std::uint32_t>(got) >> 31, bits >> 15) << bits;
        if (magnitude < 0x00800000u) {
          ASSERT_EQ(std::ldexp(static_cast<double>(magnitude), -149), std::fabs(want)) << bits;
        } else {
          ASSERT_EQ(got, want) << bits;
        }
      }
    }
  };
  check();
  Context<Cpu> context(1);
  check();
}

TYPED_TEST(HalfTypes, NarrowsWhatItWidened) {
  const auto check = [] {
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
      const TypeParam value{static_cast<std::uint16_t>(bits)};
      if (std::isnan(value_of<TypeParam>(value.bits))) {
        const std::uint16_t back = from_float<TypeParam>(to_float(value)).bits;
        ASSERT_TRUE(std::isnan(value_of<TypeParam>(back))) << bits;
      } else {
        ASSERT_EQ(from_float<TypeParam>(to_float(value)).bits, bits);
      }
    }
  };
  check();
  Context<Cpu> context(1);
  check();
}

// Where two neighbours' middle lies, and just beside it: ties go to even.
TYPED_TEST(HalfTypes, RoundsToNearestEvenBetweenAllNeighbours) {
  constexpr int infinity = ((1 << Format<TypeParam>::exponent_bits) - 1) << Format<TypeParam>::mantissa_bits;
  for (int bits = 0; bits < infinity; ++bits) {
    const double low = value_of<TypeParam>(static_cast<std::uint16_t>(bits));
    const double high = bits + 1 == infinity
                            ? 2 * low - value_of<TypeParam>(static_cast<std::uint16_t>(bits - 1))
                            : value_of<TypeParam>(static_cast<std::uint16_t>(bits + 1));
    const auto middle = static_cast<float>((low + high) / 2);
    if (std::ilogb(middle) < -126) continue;  // a subnormal float, which may be flushed
    const auto even = static_cast<std::uint16_t>(bits % 2 == 0 ? bits : bits + 1);
    const float below = std::nextafter(middle, 0.0f);
    const float above = std::nextafter(middle, std::numeric_limits<float>::infinity());
    ASSERT_EQ(from_float<TypeParam>(middle).bits, even) << bits;
    ASSERT_EQ(from_float<TypeParam>(-middle).bits, even | 0x8000) << bits;
    ASSERT_EQ(from_float<TypeParam>(below).bits, bits);
    ASSERT_EQ(from_float<TypeParam>(above).bits, bits + 1);
  }
}

TYPED_TEST(HalfTypes, RoundsRandomFloats) {
  std::mt19937_64 generator(1);
  for (int draw = 0; draw < 300000; ++draw) {
    float value = std::bit_cast<float>(static_cast<std::uint32_t>(generator()));
    if (draw % 2 == 0)  // half of them where fp16 has numbers
      value = std::ldexp(std::copysign(1.0f + static_cast<float>(generator() >> 41) * 0x1p-23f, value),
                         static_cast<int>(generator() % 44) - 27);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(to_float(from_float<TypeParam>(value))));
      continue;
    }
    if (std::fabs(value) < std::numeric_limits<float>::min()) continue;
    ASSERT_EQ(from_float<TypeParam>(value).bits, nearest<TypeParam>(value)) << value;
  }
}

TYPED_TEST(HalfTypes, KeepsSpecialValues) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(to_float(from_float<TypeParam>(infinity)), infinity);
  EXPECT_EQ(to_float(from_float<TypeParam>(-infinity)), -infinity);
  EXPECT_EQ(to_float(from_float<TypeParam>(std::numeric_limits<float>::max())), infinity);
  EXPECT_EQ(from_float<TypeParam>(0.0f).bits, 0u);
  EXPECT_EQ(from_float<TypeParam>(-0.0f).bits, 0x8000u);
  for (const std::uint32_t bits :
       {0x7F800001u, 0x7FFFFFFFu, 0x7FC00000u, 0xFF800001u, 0xFFFFFFFFu, 0x7F80FFFFu})
    EXPECT_TRUE(std::isnan(to_float(from_float<TypeParam>(std::bit_cast<float>(bits))))) << std::hex << bits;
}

}  // namespace
}  // namespace neumf
