// One block of GPU threads at a time, each a fiber.
#pragma once

#include <vector_types.h>

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <string>

#include "fiber.hpp"

namespace neumf::simulation {

inline constexpr unsigned warp_size = 32;

// Runs the threads of a block in turn; a thread gives way where it has to wait for others. What would hang a
// GPU or be undefined there throws Error: a barrier or a shuffle where threads wait for ever, and a shuffle
// by a lane outside its own mask. As on a GPU, a barrier does not wait for threads that have returned.
class Block {
 public:
  // Calls `kernel` once per thread. Sets threadIdx.
  void run(dim3 size, const std::function<void()>& kernel);

  // For the running thread: __syncthreads().
  void synchronize();
  // For the running thread: the value of lane `source` in its warp; its own if `mask` leaves that lane out.
  double exchange(unsigned mask, double value, unsigned source);
  // For the running thread: the block ends here, with an Error.
  void abandon(const std::string& why);

 private:
  enum class State { ready, at_barrier, exchanging, done };
  struct Thread {
    Fiber fiber;
    State state = State::ready;
    unsigned mask = 0, source = 0;  // of the exchange that it waits in
    double sent = 0, received = 0;
  };

  static void enter();
  void run_thread();
  void wait(State state);
  void release_barrier();
  bool all_exchanging(unsigned first, unsigned mask) const;
  void resume_ready(dim3 size, bool backwards);
  [[noreturn]] void report_deadlock() const;

  std::deque<Thread> threads_;  // grows to the largest block
  const std::function<void()>* kernel_ = nullptr;
  std::exception_ptr error_;
  unsigned size_ = 0, current_ = 0;
  unsigned live_ = 0, at_barrier_ = 0;
  unsigned epoch_ = 0;  // barriers so far
};

// The block that runs. Global as threadIdx is: kernels name neither.
Block& current_block();

}  // namespace neumf::simulation
