// Stands in for CUDA's header: what the kernels use of __nv_bfloat16.
#pragma once

#include "neumf/core/types.hpp"

struct __nv_bfloat16 {
  std::uint16_t bits;
};

inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 value) {
  return value.bits;
}
inline __nv_bfloat16 __float2bfloat16_rn(float value) {
  return {neumf::from_float<neumf::bfloat16>(value).bits};
}
