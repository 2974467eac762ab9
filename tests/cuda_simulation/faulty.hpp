// Kernels that are right or wrong as they are told, for fault_test.cpp.
#pragma once

#include <cuda_runtime_api.h>

namespace neumf::simulation {

void copy(cudaStream_t stream, const float* in, int count, float* out);
// 64 elements, through shared memory.
void rotate(cudaStream_t stream, const float* in, bool barrier, float* out);
// 4 elements, of which a block may read its neighbour's.
void chain(cudaStream_t stream, bool reads, float* data);
// One access of 16 bytes.
void copy_four(cudaStream_t stream, const float* in, float* out);
// 128 threads add one.
void count(cudaStream_t stream, bool atomic, unsigned* counter);

}  // namespace neumf::simulation
