// Vectors of 16 floats, whatever the processor's own length, and what is done with them.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#ifdef __SSE2__
#include <immintrin.h>
#endif

// Vectors that pass through memory on their way to a function cost more than most functions here.
#define NEUMF_INLINE [[gnu::always_inline]] inline

namespace neumf::cpu {

constexpr std::int64_t lanes = 16;

#ifdef __AVX512F__
using Lanes = float __attribute__((vector_size(64)));
#else
// Several vectors of the processor's length: compilers take longer ones apart into single floats.
struct alignas(64) Lanes {
#ifdef __AVX__
  static constexpr int parts = 2;
#else
  static constexpr int parts = 4;
#endif
  using Part = float __attribute__((vector_size(64 / parts)));
  Part part[parts];

  float operator[](std::int64_t i) const {
    return reinterpret_cast<const float*>(part)[i];
  }
  float& operator[](std::int64_t i) {
    return reinterpret_cast<float*>(part)[i];
  }

  NEUMF_INLINE Lanes& operator+=(const Lanes& b) {
    for (int p = 0; p < parts; ++p) part[p] += b.part[p];
    return *this;
  }
  NEUMF_INLINE Lanes& operator*=(const Lanes& b) {
    for (int p = 0; p < parts; ++p) part[p] *= b.part[p];
    return *this;
  }
  NEUMF_INLINE Lanes& operator*=(float b) {
    for (Part& x : part) x *= b;
    return *this;
  }
  NEUMF_INLINE friend Lanes operator+(Lanes a, const Lanes& b) {
    return a += b;
  }
  NEUMF_INLINE friend Lanes operator*(Lanes a, const Lanes& b) {
    return a *= b;
  }
  NEUMF_INLINE friend Lanes operator*(Lanes a, float b) {
    return a *= b;
  }
  NEUMF_INLINE friend Lanes operator*(float a, Lanes b) {
    return b *= a;
  }
  NEUMF_INLINE friend Lanes operator-(Lanes a, const Lanes& b) {
    for (int p = 0; p < parts; ++p) a.part[p] -= b.part[p];
    return a;
  }
  NEUMF_INLINE friend Lanes operator/(Lanes a, const Lanes& b) {
    for (int p = 0; p < parts; ++p) a.part[p] /= b.part[p];
    return a;
  }
  NEUMF_INLINE friend Lanes operator+(Lanes a, float b) {
    for (Part& x : a.part) x += b;
    return a;
  }
};
#endif

// The first n <= 16 values of a row, zeros behind them. Nothing beyond the row is touched: it may belong to
// another thread.
NEUMF_INLINE Lanes load(const float* row, std::int64_t n) {
#ifdef __AVX512F__
  return reinterpret_cast<Lanes>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), row));
#else
  Lanes values = {};
  if (n == lanes)
    for (int p = 0; p < Lanes::parts; ++p)
      std::memcpy(&values.part[p], row + p * lanes / Lanes::parts, sizeof values.part[p]);
  else
    std::memcpy(&values, row, static_cast<std::size_t>(n) * sizeof(float));
  return values;
#endif
}

NEUMF_INLINE void store(float* row, std::int64_t n, Lanes values) {
#ifdef __AVX512F__
  _mm512_mask_storeu_ps(row, static_cast<__mmask16>((1u << n) - 1), reinterpret_cast<__m512>(values));
#else
  if (n == lanes)
    for (int p = 0; p < Lanes::parts; ++p)
      std::memcpy(row + p * lanes / Lanes::parts, &values.part[p], sizeof values.part[p]);
  else
    std::memcpy(row, &values, static_cast<std::size_t>(n) * sizeof(float));
#endif
}

NEUMF_INLINE float sum_of(const Lanes& values) {
  // By halves, which stay in registers.
  using Four = float __attribute__((vector_size(16)));
#ifdef __AVX__
  using Eight = float __attribute__((vector_size(32)));
  const auto halves = std::bit_cast<std::array<Eight, 2>>(values);
  const auto quarters = std::bit_cast<std::array<Four, 2>>(halves[0] + halves[1]);
  const Four four = quarters[0] + quarters[1];
#else
  const auto q = std::bit_cast<std::array<Four, 4>>(values);
  const Four four = (q[0] + q[2]) + (q[1] + q[3]);
#endif
  return (four[0] + four[2]) + (four[1] + four[3]);
}

// Whether any value of a differs from that of b.
NEUMF_INLINE bool differ(const Lanes& a, const Lanes& b) {
#ifdef __AVX512F__
  return _mm512_cmp_ps_mask(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), _CMP_NEQ_UQ) != 0;
#else
  auto any = a.part[0] != b.part[0];
  for (int p = 1; p < Lanes::parts; ++p) any |= a.part[p] != b.part[p];
#ifdef __AVX__
  return _mm256_movemask_ps(reinterpret_cast<__m256>(any)) != 0;
#else
  std::int32_t one = 0;
  for (std::size_t i = 0; i < sizeof any / sizeof one; ++i) one |= any[i];
  return one != 0;
#endif
#endif
}

// x where a > 0, else 0
NEUMF_INLINE Lanes where_positive(const Lanes& a, Lanes x) {
#ifdef __AVX512F__
  return a > Lanes{} ? x : Lanes{};
#else
  for (int p = 0; p < Lanes::parts; ++p) x.part[p] = a.part[p] > Lanes::Part{} ? x.part[p] : Lanes::Part{};
  return x;
#endif
}

// x where the bit of that number is set, else 0
NEUMF_INLINE Lanes where_set(std::uint16_t bits, Lanes x) {
#ifdef __AVX512F__
  return reinterpret_cast<Lanes>(_mm512_maskz_mov_ps(bits, reinterpret_cast<__m512>(x)));
#else
#pragma omp simd
  for (std::int64_t i = 0; i < lanes; ++i) x[i] = (bits & (1 << i)) != 0 ? x[i] : 0.0f;
  return x;
#endif
}

// x where numbers[i] >= least, else 0
NEUMF_INLINE Lanes where_at_least(const std::uint16_t* numbers, std::uint16_t least, Lanes x) {
#ifdef __AVX512F__
  const __m512i wide =
      _mm512_maskz_cvtepu16_epi32(0xFFFF, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(numbers)));
  return where_set(_mm512_cmp_epi32_mask(wide, _mm512_set1_epi32(least), _MM_CMPINT_NLT), x);
#else
#pragma omp simd
  for (std::int64_t i = 0; i < lanes; ++i) x[i] = numbers[i] >= least ? x[i] : 0.0f;
  return x;
#endif
}

// Calls call(std::integral_constant<int, vectors>) for 1 to 4 vectors.
template <class Call>
void with_vectors(std::int64_t vectors, const Call& call) {
  switch (vectors) {
    case 1:
      return call(std::integral_constant<int, 1>());
    case 2:
      return call(std::integral_constant<int, 2>());
    case 3:
      return call(std::integral_constant<int, 3>());
    default:
      return call(std::integral_constant<int, 4>());
  }
}

}  // namespace neumf::cpu
