// Row-wise conversions between float and the 16-bit types, and the loops over short rows that operations
// share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "neumf/core/types.hpp"

#ifdef __F16C__
#include <immintrin.h>
#endif

namespace neumf::cpu {

inline void widen(const float* in, float* out, std::size_t n) {
  std::memcpy(out, in, n * sizeof(float));
}

inline void widen(const bfloat16* in, float* out, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) out[i] = to_float(in[i]);
}

inline void widen(const float16* in, float* out, std::size_t n) {
  std::size_t i = 0;
#ifdef __F16C__
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i))));
#endif
  for (; i < n; ++i) out[i] = to_float(in[i]);
}

inline void narrow(const float* in, float* out, std::size_t n) {
  if (in != out) std::memcpy(out, in, n * sizeof(float));
}

inline void narrow(const float* in, bfloat16* out, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) out[i] = from_float<bfloat16>(in[i]);
}

inline void narrow(const float* in, float16* out, std::size_t n) {
  std::size_t i = 0;
#ifdef __F16C__
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
#endif
  for (; i < n; ++i) out[i] = from_float<float16>(in[i]);
}

// A row of T as floats: T's own memory where T is float, otherwise converted into `buffer`.
template <class T>
const float* floats(const T* row, float* buffer, std::size_t n) {
  if constexpr (std::is_same_v<T, float>) {
    return row;
  } else {
    widen(row, buffer, n);
    return buffer;
  }
}

// Asks for `n` values that will be read or written soon, one cache line after the other. Rows in random order
// are what the processor cannot foresee.
template <class T>
void prefetch(const T* row, std::int64_t n) {
  constexpr std::int64_t line = 64 / sizeof(T);
  for (std::int64_t i = 0; i < n; i += line) __builtin_prefetch(row + i);
}

// acc += factor * x
inline void axpy(float* acc, float factor, const float* x, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) acc[i] += factor * x[i];
}

inline void add(float* acc, const float* x, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) acc[i] += x[i];
}

}  // namespace neumf::cpu
