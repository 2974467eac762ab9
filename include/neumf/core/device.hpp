// Device tags. Tensor, Context and every operation are templates over one of these; nothing above src/ops
// names a device API.
#pragma once

namespace neumf {

struct Cpu {
  static constexpr const char* name = "cpu";
};

struct Cuda {
  static constexpr const char* name = "cuda";
};

}  // namespace neumf

// Marks small functions shared by both devices (random numbers, the shuffle).
#ifdef __CUDACC__
#define NEUMF_HD __host__ __device__
#else
#define NEUMF_HD
#endif
