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
#include <cstring>
#include <functional>
#include <type_traits>
#include <vector>

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
#define __forceinline__ inline
#define __launch_bounds__(...)

inline uint3 threadIdx{}, blockIdx{};
inline dim3 blockDim, gridDim;

inline void __syncthreads() {
  neumf::simulation::current_block().synchronize();
}

// A double holds every float, so one exchange serves both types.
inline float __shfl_xor_sync(unsigned mask, float value, int lanes) {
  const unsigned source = (threadIdx.x % neumf::simulation::warp_size) ^ static_cast<unsigned>(lanes);
  return static_cast<float>(neumf::simulation::current_block().exchange(mask, value, source));
}
inline double __shfl_down_sync(unsigned mask, double value, unsigned lanes) {
  const unsigned source = threadIdx.x % neumf::simulation::warp_size + lanes;
  return neumf::simulation::current_block().exchange(mask, value, source);
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

// Defined apart from kernels (atomics.cpp), so that their accesses count as atomic.
float atomicAdd(float* address, float value);
float4 atomicAdd(float4* address, float4 value);
unsigned atomicAdd(unsigned* address, unsigned value);
unsigned long long atomicAdd(unsigned long long* address, unsigned long long value);
unsigned atomicMin(unsigned* address, unsigned value);
unsigned atomicCAS(unsigned* address, unsigned expected, unsigned value);
unsigned atomicExch(unsigned* address, unsigned value);
int atomicExch(int* address, int value);
float atomicExch(float* address, float value);

namespace neumf::simulation {

// Submits a kernel, where `call` makes the call for one thread. What a GPU would refuse is found by
// cudaGetLastError().
void submit_kernel(const char* name, dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
                   std::vector<const void*> pointers, std::function<void()> call);
// Runs it at once, without a device: throws Error.
void run_kernel(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& call);

// The words of an argument that point into device memory.
void find_pointers(const void* argument, std::size_t bytes, std::vector<const void*>& found);
template <class Argument>
void find_pointers(Argument argument, std::vector<const void*>& found) {
#if __has_builtin(__builtin_clear_padding)
  __builtin_clear_padding(&argument);  // what lies there could look like a pointer
#endif
  find_pointers(&argument, sizeof(argument), found);
}

// kernel<<<grid, block, shared_bytes, stream>>>(arguments...)
template <class Kernel, class... Arguments>
void launch(const char* name, dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
            const Kernel& kernel, const Arguments&... arguments) {
  std::vector<const void*> pointers;
  (find_pointers(arguments, pointers), ...);
  submit_kernel(name, grid, block, shared_bytes, stream, std::move(pointers),
                [kernel, arguments...] { kernel(arguments...); });
}

// What `extern __shared__` names, and a `__shared__` variable: `tag` is its own.
void* dynamic_shared_memory();
void* shared_variable(const void* tag, std::size_t bytes);

}  // namespace neumf::simulation
