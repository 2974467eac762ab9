// Stands in for CUDA's header: what the kernels use of __half.
#pragma once

#include <vector_functions.h>

#include "neumf/core/types.hpp"

struct __half {
  std::uint16_t bits;
};
struct __half2 {
  __half x, y;
};

inline __half __ushort_as_half(unsigned short bits) {
  return {bits};
}
inline unsigned short __half_as_ushort(__half value) {
  return value.bits;
}
inline float __half2float(__half value) {
  return neumf::to_float(neumf::float16{value.bits});
}
inline __half __float2half_rn(float value) {
  return {neumf::from_float<neumf::float16>(value).bits};
}
inline __half2 __halves2half2(__half x, __half y) {
  return {x, y};
}
inline float2 __half22float2(__half2 value) {
  return make_float2(__half2float(value.x), __half2float(value.y));
}
