#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "access.hpp"
#include "fault.hpp"
#include "language.hpp"
#include "memory.hpp"
#include "queue.hpp"
#include "runtime.hpp"

namespace neumf::simulation {
namespace {

// Limits of every GPU since compute capability 8.0, without opting in to more shared memory.
constexpr std::uint64_t max_threads = 1024;
constexpr unsigned max_grid_x = 0x7FFFFFFFu, max_grid_yz = 65535;

// Offsets of the block's static variables, which follow the dynamic part.
struct Layout {
  std::map<const void*, std::size_t> at;
  std::size_t used = 0;
};
Layout layout;

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
  return shared_memory();
}

void* shared_variable(const void* tag, std::size_t bytes) {
  const auto [entry, fresh] = layout.at.try_emplace(tag, layout.used);
  if (fresh) {
    layout.used += (bytes + 15) / 16 * 16;
    require(layout.used <= max_shared_bytes, "a block needs {} bytes of shared memory", layout.used);
    std::memset(shared_memory() + entry->second, 0xFF, bytes);
    grow_shared(layout.used);
  }
  return shared_memory() + entry->second;
}

void find_pointers(const void* argument, std::size_t bytes, std::vector<const void*>& found) {
  for (std::size_t at = 0; at + sizeof(void*) <= bytes; at += sizeof(void*)) {
    const void* word = nullptr;
    std::memcpy(&word, static_cast<const char*>(argument) + at, sizeof(word));
    if (memory().contains(word)) found.push_back(word);
  }
}

void run_kernel(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& call) {
  check_limits(grid, block, shared_bytes);
  gridDim = grid;
  blockDim = block;
  const unsigned blocks = grid.x * grid.y * grid.z, threads = block.x * block.y * block.z;
  // Blocks run in any order: every second launch backwards, and some from the middle.
  static unsigned launches = 0;
  const unsigned order = launches++ % 4;
  layout = {{}, (shared_bytes + 15) / 16 * 16};
  for (unsigned k = 0; k < blocks; ++k) {
    const unsigned from_middle = order < 2 ? k : (k + blocks / 2) % blocks;
    const unsigned i = order % 2 == 0 ? from_middle : blocks - 1 - from_middle;
    blockIdx = {i % grid.x, i / grid.x % grid.y, i / (grid.x * grid.y)};
    // Nothing may rely on what the block before left.
    std::memset(shared_memory(), 0xFF, std::max(layout.used, shared_bytes));
    begin_block(i, threads, std::max(layout.used, shared_bytes));
    try {
      current_block().run(block, call);
    } catch (...) {
      end_block();
      throw;
    }
    end_block();
  }
}

void submit_kernel(const char* name, dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
                   std::vector<const void*> pointers, std::function<void()> call) {
  const std::lock_guard lock(queue().mutex());
  queue().called();
  try {
    require(queue().owns(stream), "the stream does not exist");
    check_limits(grid, block, shared_bytes);
  } catch (const Error& error) {
    set_last_error(refuse(cudaErrorInvalidConfiguration, "{}: {}", name, error.what()));
    return;
  }
  Work work;
  work.name = name;
  work.pointers = std::move(pointers);
  work.run = [grid, block, shared_bytes, call = std::move(call)](Run& /*run*/) {
    run_kernel(grid, block, shared_bytes, call);
    return true;
  };
  set_last_error(queue().submit(stream, std::move(work)));
}

}  // namespace neumf::simulation
