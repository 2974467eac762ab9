// Reading and writing V neighbouring elements of a row, as floats.
//
// V = 8: one 16-byte access of 16-bit types, two of floats; needs rows that begin at multiples of 16 bytes.
// V = 1: any alignment. Raw values are kept apart from their conversion so that several loads can be in
// flight before the first is used.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "neumf/core/types.hpp"

namespace neumf::cuda {

__device__ __forceinline__ float widen(float value) {
  return value;
}
__device__ __forceinline__ float widen(bfloat16 value) {
  return __uint_as_float(static_cast<std::uint32_t>(value.bits) << 16);
}
__device__ __forceinline__ float widen(float16 value) {
  return __half2float(__ushort_as_half(value.bits));
}

template <class T>
__device__ __forceinline__ T narrow(float value);
template <>
__device__ __forceinline__ float narrow<float>(float value) {
  return value;
}
template <>
__device__ __forceinline__ bfloat16 narrow<bfloat16>(float value) {
  return {__bfloat16_as_ushort(__float2bfloat16_rn(value))};
}
template <>
__device__ __forceinline__ float16 narrow<float16>(float value) {
  return {__half_as_ushort(__float2half_rn(value))};
}

template <class T, int V>
struct Pack;

template <class T>
struct Pack<T, 1> {
  T raw;

  __device__ __forceinline__ static Pack zero() { return {T{}}; }
  __device__ __forceinline__ static Pack load(const T* from) { return {*from}; }
  __device__ __forceinline__ void widen_to(float (&out)[1]) const { out[0] = widen(raw); }
  __device__ __forceinline__ static void store(T* to, const float (&values)[1]) {
    *to = narrow<T>(values[0]);
  }
};

template <>
struct Pack<float, 8> {
  float4 low, high;

  __device__ __forceinline__ static Pack zero() { return {make_float4(0, 0, 0, 0), make_float4(0, 0, 0, 0)}; }
  __device__ __forceinline__ static Pack load(const float* from) {
    const auto* vectors = reinterpret_cast<const float4*>(from);
    return {vectors[0], vectors[1]};
  }
  __device__ __forceinline__ void widen_to(float (&out)[8]) const {
    out[0] = low.x, out[1] = low.y, out[2] = low.z, out[3] = low.w;
    out[4] = high.x, out[5] = high.y, out[6] = high.z, out[7] = high.w;
  }
  __device__ __forceinline__ static void store(float* to, const float (&v)[8]) {
    auto* vectors = reinterpret_cast<float4*>(to);
    vectors[0] = make_float4(v[0], v[1], v[2], v[3]);
    vectors[1] = make_float4(v[4], v[5], v[6], v[7]);
  }
};

// Two 16-bit values in one register.
__device__ __forceinline__ float2 widen_pair(std::uint32_t bits, bfloat16 /*type*/) {
  return make_float2(__uint_as_float(bits << 16), __uint_as_float(bits & 0xFFFF0000u));
}
__device__ __forceinline__ float2 widen_pair(std::uint32_t bits, float16 /*type*/) {
  return __half22float2(__halves2half2(__ushort_as_half(static_cast<unsigned short>(bits & 0xFFFFu)),
                                       __ushort_as_half(static_cast<unsigned short>(bits >> 16))));
}
template <class T>
__device__ __forceinline__ std::uint32_t narrow_pair(float first, float second) {
  return static_cast<std::uint32_t>(narrow<T>(first).bits) |
         (static_cast<std::uint32_t>(narrow<T>(second).bits) << 16);
}

template <class T>
struct HalfPack8 {
  uint4 raw;

  __device__ __forceinline__ static HalfPack8 zero() { return {make_uint4(0, 0, 0, 0)}; }
  __device__ __forceinline__ static HalfPack8 load(const T* from) {
    return {*reinterpret_cast<const uint4*>(from)};
  }
  __device__ __forceinline__ void widen_to(float (&out)[8]) const {
    const float2 a = widen_pair(raw.x, T{}), b = widen_pair(raw.y, T{});
    const float2 c = widen_pair(raw.z, T{}), d = widen_pair(raw.w, T{});
    out[0] = a.x, out[1] = a.y, out[2] = b.x, out[3] = b.y;
    out[4] = c.x, out[5] = c.y, out[6] = d.x, out[7] = d.y;
  }
  __device__ __forceinline__ static void store(T* to, const float (&v)[8]) {
    *reinterpret_cast<uint4*>(to) = make_uint4(narrow_pair<T>(v[0], v[1]), narrow_pair<T>(v[2], v[3]),
                                               narrow_pair<T>(v[4], v[5]), narrow_pair<T>(v[6], v[7]));
  }
};
template <>
struct Pack<bfloat16, 8> : HalfPack8<bfloat16> {
  __device__ __forceinline__ Pack(HalfPack8<bfloat16> base) : HalfPack8<bfloat16>(base) {}
  Pack() = default;
};
template <>
struct Pack<float16, 8> : HalfPack8<float16> {
  __device__ __forceinline__ Pack(HalfPack8<float16> base) : HalfPack8<float16>(base) {}
  Pack() = default;
};

template <int V, class T>
__device__ __forceinline__ void load(const T* from, float (&out)[V]) {
  const Pack<T, V> pack = Pack<T, V>::load(from);
  pack.widen_to(out);
}

// sum += row.
template <class T, int V>
__device__ __forceinline__ void add(const Pack<T, V>& row, float (&sum)[V]) {
  float values[V];
  row.widen_to(values);
#pragma unroll
  for (int i = 0; i < V; ++i) sum[i] += values[i];
}
// sum += factor row.
template <class T, int V>
__device__ __forceinline__ void add_scaled(const Pack<T, V>& row, float factor, float (&sum)[V]) {
  float values[V];
  row.widen_to(values);
#pragma unroll
  for (int i = 0; i < V; ++i) sum[i] += factor * values[i];
}
// sum += row . factors, of the columns here.
template <class T, int V>
__device__ __forceinline__ void add_dot(const Pack<T, V>& row, const float (&factors)[V], float& sum) {
  float values[V];
  row.widen_to(values);
#pragma unroll
  for (int i = 0; i < V; ++i) sum += values[i] * factors[i];
}

template <int V, class T>
__device__ __forceinline__ void store(T* to, const float (&values)[V]) {
  Pack<T, V>::store(to, values);
}

}  // namespace neumf::cuda
