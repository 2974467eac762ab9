#include "partial_sums.cuh"

namespace neumf::cuda {
namespace {

// A block adds 32 columns: 32 rows of threads take every 32nd partial sum each, in order, then the rows are
// added in order.
__global__ void add_columns_kernel(const float* __restrict__ partial, std::int64_t blocks, std::int64_t width,
                                   float* __restrict__ out) {
  __shared__ float shared[32][33];
  const std::int64_t column = blockIdx.x * 32 + threadIdx.x;
  float sum = 0;
  if (column < width) {
#pragma unroll 4
    for (std::int64_t block = threadIdx.y; block < blocks; block += 32)
      sum += partial[block * width + column];
  }
  shared[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= width) return;
  for (int row = 1; row < 32; ++row) sum += shared[row][threadIdx.x];
  out[column] += sum;
}

__global__ void add_scalars_kernel(const double* __restrict__ partial, std::int64_t blocks,
                                   double* __restrict__ out) {
  double value = 0;
  for (std::int64_t i = threadIdx.x; i < blocks; i += block_threads) value += partial[i];
  const double sum = block_sum(value);
  if (threadIdx.x == 0) out[0] += sum;
}

}  // namespace

void add_partial_sums(Context<Cuda>& context, const float* partial, std::int64_t blocks, std::int64_t width,
                      float* out) {
  add_columns_kernel<<<blocks_for(width, 32), dim3(32, 32), 0, context.stream()>>>(partial, blocks, width,
                                                                                   out);
  check_launch("add_columns_kernel");
}

void add_partial_sums(Context<Cuda>& context, const double* partial, std::int64_t blocks, double* out) {
  add_scalars_kernel<<<1, block_threads, 0, context.stream()>>>(partial, blocks, out);
  check_launch("add_scalars_kernel");
}

}  // namespace neumf::cuda
