// Which devices this machine has, and their plainest way to move memory.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "neumf/core/context.hpp"

#ifdef NEUMF_WITH_CUDA
#include <cuda_runtime_api.h>

#include "neumf/core/error.hpp"
#endif

namespace neumf::bench {

template <class Device>
struct DeviceTraits;

template <>
struct DeviceTraits<Cpu> {
  static constexpr std::int64_t calls_in_flight = 1;
  static bool available() { return true; }
  // As many threads as OMP_NUM_THREADS says, otherwise one per processor.
  static Context<Cpu>& context() {
    static Context<Cpu> context(omp_get_max_threads());
    return context;
  }
  static void copy(Context<Cpu>& context, const void* from, void* to, std::size_t bytes) {
    const auto parts = static_cast<std::size_t>(context.threads());
    const std::size_t part = bytes / parts / 64 * 64;
#pragma omp parallel for num_threads(context.threads()) schedule(static, 1)
    for (std::size_t i = 0; i < parts; ++i)
      std::memcpy(static_cast<char*>(to) + i * part, static_cast<const char*>(from) + i * part,
                  i + 1 == parts ? bytes - i * part : part);
  }
};

#ifdef NEUMF_WITH_CUDA
template <>
struct DeviceTraits<Cuda> {
  // A launch costs the host more than a small kernel costs the GPU: calls queue up between waits.
  static constexpr std::int64_t calls_in_flight = 20;
  static bool available() { return Context<Cuda>::device_count() > 0; }
  static Context<Cuda>& context() {
    static Context<Cuda> context(0);
    return context;
  }
  static void copy(Context<Cuda>& context, const void* from, void* to, std::size_t bytes) {
    require(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, context.stream()) == cudaSuccess,
            "copying {} bytes on the GPU failed", bytes);
  }
};
#endif

}  // namespace neumf::bench
