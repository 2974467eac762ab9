// Vectors of 16 floats, and the loads and stores that rows of other widths need.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace neumf::cpu {

// The compiler makes two or four vectors of it where the processor's are shorter.
using Lanes = float __attribute__((vector_size(64)));
constexpr std::int64_t lanes = 16;

// The first n <= 16 values of a row, zeros behind them. Nothing beyond the row is touched: it may belong to
// another thread.
inline Lanes load(const float* row, std::int64_t n) {
#ifdef __AVX512F__
  return reinterpret_cast<Lanes>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), row));
#else
  Lanes values = {};
  if (n == lanes)
    std::memcpy(&values, row, sizeof values);
  else
    for (std::int64_t i = 0; i < n; ++i) values[i] = row[i];
  return values;
#endif
}

inline void store(float* row, std::int64_t n, Lanes values) {
#ifdef __AVX512F__
  _mm512_mask_storeu_ps(row, static_cast<__mmask16>((1u << n) - 1), reinterpret_cast<__m512>(values));
#else
  if (n == lanes)
    std::memcpy(row, &values, sizeof values);
  else
    for (std::int64_t i = 0; i < n; ++i) row[i] = values[i];
#endif
}

inline float sum_of(Lanes values) {
  // By halves, which stay in registers.
  using Eight = float __attribute__((vector_size(32)));
  using Four = float __attribute__((vector_size(16)));
  const auto halves = std::bit_cast<std::array<Eight, 2>>(values);
  const auto quarters = std::bit_cast<std::array<Four, 2>>(halves[0] + halves[1]);
  const Four four = quarters[0] + quarters[1];
  return (four[0] + four[2]) + (four[1] + four[3]);
}

// Whether any value of a differs from that of b.
inline bool differ(Lanes a, Lanes b) {
#ifdef __AVX512F__
  return _mm512_cmp_ps_mask(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), _CMP_NEQ_UQ) != 0;
#else
  bool any = false;
  for (std::int64_t i = 0; i < lanes; ++i) any |= a[i] != b[i];
  return any;
#endif
}

}  // namespace neumf::cpu
