#include <cstring>

#include "device.hpp"
#include "neumf/core/error.hpp"

namespace neumf::emulation {
namespace {

// Limits of every GPU since compute capability 8.0, without opting in to more shared memory.
constexpr std::size_t max_shared_bytes = 48 * 1024;
constexpr std::uint64_t max_threads = 1024;
constexpr unsigned max_grid_x = 0x7FFFFFFFu, max_grid_yz = 65535;

struct alignas(256) SharedMemory {
  std::uint8_t bytes[max_shared_bytes];
};

void check_limits(dim3 grid, dim3 block, std::size_t shared_bytes) {
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  require(threads > 0 && threads <= max_threads && block.z <= 64,
          "a block of {} x {} x {} threads is refused", block.x, block.y, block.z);
  require(grid.x > 0 && grid.y > 0 && grid.z > 0 && grid.x <= max_grid_x && grid.y <= max_grid_yz &&
              grid.z <= max_grid_yz,
          "a grid of {} x {} x {} blocks is refused", grid.x, grid.y, grid.z);
  require(shared_bytes <= max_shared_bytes, "{} bytes of shared memory are refused", shared_bytes);
}

}  // namespace

void* dynamic_shared_memory() {
  static SharedMemory memory;
  return memory.bytes;
}

void launch(dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t /*stream*/,
            const std::function<void()>& kernel) {
  check_limits(grid, block, shared_bytes);
  gridDim = grid;
  blockDim = block;
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = {x, y, z};
        // Nothing may rely on what the block before left.
        std::memset(dynamic_shared_memory(), 0xA5, shared_bytes);
        current_block().run(block, kernel);
      }
}

}  // namespace neumf::emulation
