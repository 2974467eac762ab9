// How rows are shared among the lanes of a warp.
//
// A team of `size` lanes (a power of two, at most a warp) works on one row, each lane on V neighbouring
// columns; columns beyond size * V form further tiles. Lanes of a team follow the same control flow, those of
// different teams need not.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "neumf/core/cuda/check.hpp"
#include "neumf/core/error.hpp"

namespace neumf::cuda {

// Threads per block of every row kernel: 8 warps let the scheduler fill a multiprocessor at any register
// count up to 255 in steps of 1/8 or finer.
inline constexpr int block_threads = 256;
// Blocks that must fit on a multiprocessor at once: 16 warps with several loads in flight each saturate
// memory, and up to 128 registers per thread leave the compiler nothing to spill.
inline constexpr int resident_blocks = 2;
// Blocks of kernels that leave one partial sum per block: about 8 on each multiprocessor of a large GPU. A
// constant, so that sums are the same on every GPU.
inline constexpr std::int64_t partial_blocks = 1024;

struct RowShape {
  int vector;          // V: 8 or 1
  int team;            // lanes per row
  std::int64_t tiles;  // of team * vector columns

  int rows_per_block() const { return block_threads / team; }
};

inline bool aligned(const void* pointer, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

// For rows of `width` elements; all `pointers` must be 16-byte aligned for V = 8.
template <class... Pointers>
RowShape row_shape(std::int64_t width, const Pointers*... pointers) {
  const bool wide = width % 8 == 0 && (aligned(pointers, 16) && ...);
  RowShape shape{};
  shape.vector = wide ? 8 : 1;
  const std::int64_t lanes = (width + shape.vector - 1) / shape.vector;
  shape.team =
      static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(std::clamp<std::int64_t>(lanes, 1, 32))));
  const std::int64_t columns = std::int64_t{shape.team} * shape.vector;
  shape.tiles = (width + columns - 1) / columns;
  return shape;
}

// Calls launch(std::integral_constant<int, V>) for the shape's V.
template <class Launch>
void with_vector(const RowShape& shape, const Launch& launch) {
  if (shape.vector == 8)
    launch(std::integral_constant<int, 8>{});
  else
    launch(std::integral_constant<int, 1>{});
}

// Blocks for `count` things at `per_block` each.
inline unsigned blocks_for(std::int64_t count, std::int64_t per_block) {
  const std::int64_t blocks = (count + per_block - 1) / per_block;
  require(blocks <= std::numeric_limits<std::int32_t>::max(),
          "a batch of {} is too large for one GPU kernel; use a smaller batch", count);
  return static_cast<unsigned>(blocks);
}

// For passes over flat memory with V elements per thread: calls launch(std::integral_constant<int, V>, begin,
// end) for as many groups of eight as there are, which need `aligned` memory (16 bytes), and then element by
// element for the rest.
template <class Launch>
void in_vectors(std::int64_t count, bool aligned, const Launch& launch) {
  const std::int64_t vectors = aligned ? count / 8 * 8 : 0;
  if (vectors > 0) launch(std::integral_constant<int, 8>{}, std::int64_t{0}, vectors);
  if (vectors < count) launch(std::integral_constant<int, 1>{}, vectors, count);
}

// The tiles of rows wider than a team go to the grid's second dimension.
inline dim3 grid_for(std::int64_t count, std::int64_t per_block, std::int64_t tiles = 1) {
  require(tiles <= 65535, "rows of this width are too wide for the GPU kernels ({} tiles)", tiles);
  return {blocks_for(count, per_block), static_cast<unsigned>(tiles), 1};
}

#ifdef __CUDACC__
struct Team {
  int lane, size;
  unsigned mask;       // the team's lanes in its warp
  std::int64_t index;  // of the team in the grid
  std::int64_t count;  // teams in the grid

  __device__ __forceinline__ explicit Team(int team_size)
      : lane(static_cast<int>(threadIdx.x) & (team_size - 1)), size(team_size) {
    const unsigned first = threadIdx.x & 31u & ~static_cast<unsigned>(team_size - 1);
    mask = (0xFFFFFFFFu >> (32 - team_size)) << first;
    const std::int64_t per_block = blockDim.x / static_cast<unsigned>(team_size);
    index = blockIdx.x * per_block + threadIdx.x / static_cast<unsigned>(team_size);
    count = gridDim.x * per_block;
  }

  // The first of the lane's columns in a tile.
  template <int V>
  __device__ __forceinline__ std::int64_t column(unsigned tile) const {
    return (static_cast<std::int64_t>(tile) * size + lane) * V;
  }
  // The sum over the team, on every lane; the order of additions is fixed.
  __device__ __forceinline__ float sum(float value) const {
    for (int offset = size / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(mask, value, offset);
    return value;
  }
};
#endif

}  // namespace neumf::cuda
