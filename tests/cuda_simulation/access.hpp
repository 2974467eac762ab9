// Every access of device and shared memory by what a simulated GPU runs: whether it is allowed, whether it
// races with another one, and how many bytes it moves.
//
// Kernels are compiled with calls of our functions at each load and store (those of ThreadSanitizer); library
// calls state what they touch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace neumf::simulation {

struct Work;
struct Run;

// NEUMF_SIM_CHECK=0 leaves accesses unchecked, which is several times as fast.
bool checks_accesses();

void begin_accesses(const Work& work, Run& run);
void end_accesses(bool done);  // or it will be attempted again
// Within a kernel.
void begin_block(unsigned block, unsigned threads, std::size_t shared_bytes);
void set_thread(unsigned thread, unsigned epoch);
void grow_shared(std::size_t bytes);
void end_block();

// By a library, which throws Error if it may not; or by the running thread of a kernel, which then ends.
void access(const void* data, std::size_t bytes, bool written, bool atomic = false);

// The shared memory of the block that runs.
inline constexpr std::size_t max_shared_bytes = 48 * 1024;  // without opting in to more
std::uint8_t* shared_memory();

}  // namespace neumf::simulation
