// A function that can be left in the middle and continued later, on a stack of its own.
#pragma once

#include <cstddef>
#include <memory>

#ifndef __x86_64__
#include <ucontext.h>
#endif

namespace neumf::simulation {

// Neither moves nor copies: a saved context may point into itself.
class Fiber {
 public:
  Fiber() : stack_(new std::byte[stack_bytes]) {}
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // The next resume() calls `entry`, which must end with suspend() and is not resumed after that. Whatever an
  // earlier entry left on the stack is forgotten.
  void start(void (*entry)());
  // Runs the fiber until it suspends itself.
  void resume();
  void suspend();

 private:
  static constexpr std::size_t stack_bytes = 65536;  // kernels keep a few hundred bytes, the rest is headroom
  std::unique_ptr<std::byte[]> stack_;
#ifdef __x86_64__
  void *inside_ = nullptr, *outside_ = nullptr;  // stack pointers
#else
  ucontext_t inside_{}, outside_{};
#endif
};

}  // namespace neumf::simulation
