// The part of the CUDA language that the kernels use, for an ordinary C++ compiler. Included ahead of every
// converted source (see convert.py). The names are CUDA's.
#pragma once

#include <cuda_runtime_api.h>
#include <vector_functions.h>
#include <vector_types.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "block.hpp"

#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __forceinline__
#undef __launch_bounds__
#define __global__
#define __device__
#define __host__
#define __shared__ static  // one block runs at a time
#define __forceinline__ inline
#define __launch_bounds__(...)

inline uint3 threadIdx{}, blockIdx{};
inline dim3 blockDim, gridDim;

inline void __syncthreads() {
  neumf::emulation::current_block().synchronize();
}

// A double holds every float, so one exchange serves both types.
inline float __shfl_xor_sync(unsigned mask, float value, int lanes) {
  const unsigned source = (threadIdx.x % neumf::emulation::warp_size) ^ static_cast<unsigned>(lanes);
  return static_cast<float>(neumf::emulation::current_block().exchange(mask, value, source));
}
inline double __shfl_down_sync(unsigned mask, double value, unsigned lanes) {
  const unsigned source = threadIdx.x % neumf::emulation::warp_size + lanes;
  return neumf::emulation::current_block().exchange(mask, value, source);
}

inline float __uint_as_float(unsigned bits) {
  return std::bit_cast<float>(bits);
}
inline unsigned __float_as_uint(float value) {
  return std::bit_cast<unsigned>(value);
}

template <class T>
T min(T a, T b) {
  return std::min(a, b);
}

// Threads give way only where they wait, so nothing comes between reading and writing.
template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  const T old = *address;
  *address = old + value;
  return old;
}
inline float4 atomicAdd(float4* address, float4 value) {
  const float4 old = *address;
  *address = {old.x + value.x, old.y + value.y, old.z + value.z, old.w + value.w};
  return old;
}
inline unsigned atomicMin(unsigned* address, unsigned value) {
  const unsigned old = *address;
  *address = std::min(old, value);
  return old;
}
inline unsigned atomicCAS(unsigned* address, unsigned expected, unsigned value) {
  const unsigned old = *address;
  if (old == expected) *address = value;
  return old;
}

namespace neumf::emulation {

// kernel<<<grid, block, shared_bytes, stream>>>(...), where `kernel` makes the call for one thread. Returns
// when all blocks have run. Throws Error for what a GPU would refuse.
void launch(dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
            const std::function<void()>& kernel);

// What `extern __shared__` names.
void* dynamic_shared_memory();

}  // namespace neumf::emulation
