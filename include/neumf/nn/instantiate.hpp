// The (device, compute type) pairs that exist: NEUMF_FOR_EACH_MODEL(X) expands X(Device, T) for each.
#pragma once

#include "neumf/core/device.hpp"
#include "neumf/core/types.hpp"

#define NEUMF_FOR_EACH_CPU_MODEL(X) X(Cpu, float) X(Cpu, bfloat16) X(Cpu, float16)
#ifdef NEUMF_WITH_CUDA
#define NEUMF_FOR_EACH_MODEL(X) NEUMF_FOR_EACH_CPU_MODEL(X) X(Cuda, float) X(Cuda, bfloat16) X(Cuda, float16)
#else
#define NEUMF_FOR_EACH_MODEL(X) NEUMF_FOR_EACH_CPU_MODEL(X)
#endif
