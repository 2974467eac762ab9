// Elementary functions without branches and calls, for loops that the compiler turns into vectors. NaN stays
// NaN.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "lanes.hpp"

namespace neumf::cpu {

// exp(x) for x <= 0, to 2 units in the last place; exp(-87) below that.
inline float exp_of_negative(float x) {
  const float bounded = x < -87.0f ? -87.0f : x;
  // x = n ln 2 + r with |r| <= ln 2 / 2. Adding 1.5 * 2^23 leaves n in the lowest bits of the sum.
  const float shifted = bounded * 1.44269504f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
  // Taylor's series; the next term is below 5e-9.
  float sum = 1.0f / 5040;
  sum = sum * r + 1.0f / 720;
  sum = sum * r + 1.0f / 120;
  sum = sum * r + 1.0f / 24;
  sum = sum * r + 1.0f / 6;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  return sum * std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) << 23) + 0x3F800000u);
}

// log(1 + x) for x in [0, 1], to 3 units in the last place: 2 artanh(t), t = x / (2 + x) <= 1/3, by its
// series.
inline float log1p_of_unit(float x) {
  const float t = x / (2.0f + x), square = t * t;
  float sum = 1.0f / 15;
  sum = sum * square + 1.0f / 13;
  sum = sum * square + 1.0f / 11;
  sum = sum * square + 1.0f / 9;
  sum = sum * square + 1.0f / 7;
  sum = sum * square + 1.0f / 5;
  sum = sum * square + 1.0f / 3;
  sum = sum * square + 1.0f;
  return 2.0f * t * sum;
}

// The square root of v >= 0, to 2 units in the last place.
NEUMF_INLINE Lanes root(Lanes v) {
#ifdef __AVX512F__
  // The processor's estimate of 14 bits and one step of Newton's method take a fifth of the time of its own
  // square root.
  const auto all = [](float value) { return _mm512_set1_ps(value); };
  const auto square = reinterpret_cast<__m512>(v);
  const __m512 inverse =
      _mm512_maskz_rsqrt14_ps(0xFFFF, _mm512_maskz_max_ps(0xFFFF, square, all(0x1p-126f)));  // finite at zero
  const __m512 estimate = _mm512_mul_ps(square, inverse);
  const __m512 error = _mm512_fnmadd_ps(estimate, estimate, square);
  return reinterpret_cast<Lanes>(_mm512_fmadd_ps(_mm512_mul_ps(all(0.5f), inverse), error, estimate));
#elif defined __AVX__
  for (auto& part : v.part)
    part = reinterpret_cast<Lanes::Part>(_mm256_sqrt_ps(reinterpret_cast<__m256>(part)));
  return v;
#else
  for (std::int64_t i = 0; i < lanes; ++i) v[i] = std::sqrt(v[i]);
  return v;
#endif
}

// x / y for y > 0, to 2 units in the last place.
NEUMF_INLINE Lanes quotient(Lanes x, Lanes y) {
#ifdef __AVX512F__
  const auto divisor = reinterpret_cast<__m512>(y);
  const __m512 reciprocal = _mm512_maskz_rcp14_ps(0xFFFF, divisor);
  const __m512 estimate = _mm512_mul_ps(reinterpret_cast<__m512>(x), reciprocal);
  const __m512 error = _mm512_fnmadd_ps(divisor, reciprocal, _mm512_set1_ps(1.0f));
  return reinterpret_cast<Lanes>(_mm512_fmadd_ps(estimate, error, estimate));
#else
  return x / y;
#endif
}

}  // namespace neumf::cpu
