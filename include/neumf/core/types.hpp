// 16-bit floating-point storage types and conversions. Arithmetic is always done in float.
//
// bfloat16: 8 exponent and 7 mantissa bits (a truncated float). float16: IEEE 754 binary16. Both round to
// nearest even. The bit patterns are those of CUDA's __nv_bfloat16 and __half, so device code may
// reinterpret.
#pragma once

#include <bit>
#include <cstdint>

#include "neumf/core/device.hpp"

namespace neumf {

struct bfloat16 {
  std::uint16_t bits;
};

struct float16 {
  std::uint16_t bits;
};

NEUMF_HD inline float to_float(float value) {
  return value;
}

NEUMF_HD inline float to_float(bfloat16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

NEUMF_HD inline float to_float(float16 value) {
  const std::int32_t magnitude = value.bits & 0x7FFF;
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000u) << 16;
  // A subnormal number is an integer times 2^-24. No float on the way is subnormal, so it survives where
  // subnormal arithmetic is switched off.
  const float small = static_cast<float>(magnitude) * 0x1p-24f;
  const std::uint32_t bias = magnitude >= 0x7C00 ? 0x70000000u : 0x38000000u;
  const std::uint32_t normal = (static_cast<std::uint32_t>(magnitude) << 13) + bias;
  return std::bit_cast<float>((magnitude < 0x0400 ? std::bit_cast<std::uint32_t>(small) : normal) | sign);
}

template <class T>
NEUMF_HD T from_float(float value);

template <>
NEUMF_HD inline float from_float<float>(float value) {
  return value;
}

template <>
NEUMF_HD inline bfloat16 from_float<bfloat16>(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = bits + 0x7FFFu + ((bits >> 16) & 1u);
  const bool nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
  return {static_cast<std::uint16_t>((nan ? bits | 0x00400000u : rounded) >> 16)};
}

template <>
NEUMF_HD inline float16 from_float<float16>(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return {static_cast<std::uint16_t>(sign | 0x7E00u)};   // NaN
  if (magnitude >= 0x477FF000u) return {static_cast<std::uint16_t>(sign | 0x7C00u)};  // rounds to infinity
  if (magnitude < 0x38800000u) {  // subnormal or zero: let the float adder round at 2^-24
    const float rounded = std::bit_cast<float>(magnitude) + 0.5f;
    return {static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(rounded) - 0x3F000000u))};
  }
  const std::uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1u);
  return {static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13))};
}

// The name under which a type appears in options, logs and files.
template <class T>
struct TypeName;
template <>
struct TypeName<float> {
  static constexpr const char* value = "fp32";
};
template <>
struct TypeName<bfloat16> {
  static constexpr const char* value = "bf16";
};
template <>
struct TypeName<float16> {
  static constexpr const char* value = "fp16";
};

}  // namespace neumf
