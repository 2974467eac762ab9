#include "fiber.hpp"

#include "neumf/core/error.hpp"

namespace neumf::emulation {

void Fiber::start(void (*entry)()) {
  require(getcontext(&inside_) == 0, "getcontext failed: a thread of an emulated block has no context");
  inside_.uc_stack.ss_sp = stack_.get();
  inside_.uc_stack.ss_size = stack_bytes;
  inside_.uc_link = nullptr;
  makecontext(&inside_, entry, 0);
}

void Fiber::resume() {
  require(swapcontext(&outside_, &inside_) == 0, "swapcontext failed: an emulated thread cannot continue");
}

void Fiber::suspend() {
  require(swapcontext(&inside_, &outside_) == 0, "swapcontext failed: an emulated thread cannot stop");
}

}  // namespace neumf::emulation
