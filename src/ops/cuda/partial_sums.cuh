// Reproducible sums over samples in two stages: every block leaves one partial sum, then the partial sums are
// added in the order of the blocks. No atomics, so the result does not depend on timing.
#pragma once

#include <cstdint>

#include "context_impl.hpp"
#include "neumf/core/cuda/team.cuh"

namespace neumf::cuda {

// out[k] += sum over blocks of partial[block * width + k].
void add_partial_sums(Context<Cuda>& context, const float* partial, std::int64_t blocks, std::int64_t width,
                      float* out);
// out[0] += sum of partial[0], partial[1], ...
void add_partial_sums(Context<Cuda>& context, const double* partial, std::int64_t blocks, double* out);

// How many blocks share `rows` rows.
inline std::int64_t reduction_blocks(std::int64_t rows, const RowShape& shape) {
  return std::min<std::int64_t>(partial_blocks, blocks_for(rows, shape.rows_per_block()));
}

// Adds up each column over the teams of a block and writes it to partial[block * width + column]. All threads
// of the block must call it, those without columns with `column` >= width.
template <int V>
__device__ __forceinline__ void store_block_sums(const Team& team, const float (&sums)[V],
                                                 std::int64_t column, std::int64_t width, float* partial) {
  __shared__ float shared[block_threads * V];
  const int stride = team.size * V;
  const int row = static_cast<int>(threadIdx.x) / team.size;
#pragma unroll
  for (int i = 0; i < V; ++i) shared[row * stride + i * team.size + team.lane] = sums[i];
  __syncthreads();
  if (row == 0 && column < width) {
    const int rows = block_threads / team.size;
#pragma unroll
    for (int i = 0; i < V; ++i) {
      float sum = 0;
      for (int r = 0; r < rows; ++r) sum += shared[r * stride + i * team.size + team.lane];
      partial[blockIdx.x * width + column + i] = sum;
    }
  }
  __syncthreads();
}

// The block's sum of `value`, on thread 0.
__device__ __forceinline__ double block_sum(double value) {
  __shared__ double warps[block_threads / 32];
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_down_sync(0xFFFFFFFFu, value, offset);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
  __syncthreads();
  double sum = 0;
  if (threadIdx.x == 0)
    for (const double warp : warps) sum += warp;
  __syncthreads();
  return sum;
}

}  // namespace neumf::cuda
