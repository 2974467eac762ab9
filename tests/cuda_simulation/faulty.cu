#include "faulty.hpp"

#include "neumf/core/cuda/check.hpp"

namespace neumf::simulation {
namespace {

__global__ void copy_kernel(const float* __restrict__ in, int count, float* __restrict__ out) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) out[i] = in[i];
}

// Each thread writes to shared memory what its neighbour reads.
__global__ void rotate_kernel(const float* in, bool barrier, float* out) {
  __shared__ float values[64];
  values[threadIdx.x] = in[threadIdx.x];
  if (barrier) __syncthreads();
  out[threadIdx.x] = values[(threadIdx.x + 1) % 64];
}

// Each block writes one element, and reads the one before if it is told to.
__global__ void chain_kernel(bool reads, float* data) {
  if (threadIdx.x != 0) return;
  const float before = reads && blockIdx.x > 0 ? data[blockIdx.x - 1] : 0.0f;
  data[blockIdx.x] = before + 1.0f;
}

__global__ void wide_kernel(const float* in, float* out) {
  *reinterpret_cast<float4*>(out) = *reinterpret_cast<const float4*>(in);
}

__global__ void count_kernel(bool atomic, unsigned* counter) {
  if (atomic)
    atomicAdd(counter, 1u);
  else
    ++*counter;
}

}  // namespace

void copy(cudaStream_t stream, const float* in, int count, float* out) {
  copy_kernel<<<static_cast<unsigned>((count + 63) / 64), 64, 0, stream>>>(in, count, out);
  cuda::check_launch("copy_kernel");
}
void rotate(cudaStream_t stream, const float* in, bool barrier, float* out) {
  rotate_kernel<<<1, 64, 0, stream>>>(in, barrier, out);
  cuda::check_launch("rotate_kernel");
}
void chain(cudaStream_t stream, bool reads, float* data) {
  chain_kernel<<<4, 32, 0, stream>>>(reads, data);
  cuda::check_launch("chain_kernel");
}
void copy_four(cudaStream_t stream, const float* in, float* out) {
  wide_kernel<<<1, 1, 0, stream>>>(in, out);
  cuda::check_launch("wide_kernel");
}
void count(cudaStream_t stream, bool atomic, unsigned* counter) {
  count_kernel<<<2, 64, 0, stream>>>(atomic, counter);
  cuda::check_launch("count_kernel");
}

}  // namespace neumf::simulation
