#include "fiber.hpp"

#include <cstdint>
#include <cstring>

#include "neumf/core/error.hpp"

#ifdef __x86_64__

// Saves what a function must preserve, and goes on where `load` was saved. swapcontext() does the same and
// two system calls, which would be most of what a short kernel takes.
extern "C" void neumf_simulation_switch(void** save, void* load);
asm(R"(
.text
.globl neumf_simulation_switch
.type neumf_simulation_switch, @function
neumf_simulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  subq $8, %rsp
  stmxcsr (%rsp)
  fnstcw 4(%rsp)
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  ldmxcsr (%rsp)
  fldcw 4(%rsp)
  addq $8, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size neumf_simulation_switch, .-neumf_simulation_switch
)");

namespace neumf::simulation {

void Fiber::start(void (*entry)()) {
  auto top = reinterpret_cast<std::uintptr_t>(stack_.get() + stack_bytes) / 16 * 16;
  auto* frame = reinterpret_cast<std::uintptr_t*>(top - 16 - 7 * sizeof(std::uintptr_t));
  std::memset(frame, 0, 7 * sizeof(std::uintptr_t));
  std::uint32_t vector_control = 0;
  std::uint16_t float_control = 0;
  asm volatile("stmxcsr %0\n fnstcw %1" : "=m"(vector_control), "=m"(float_control));
  frame[0] = vector_control | std::uintptr_t{float_control} << 32;
  frame[7] = reinterpret_cast<std::uintptr_t>(entry);
  frame[8] = 0;  // where a caller's address would be
  inside_ = frame;
}

void Fiber::resume() {
  neumf_simulation_switch(&outside_, inside_);
}

void Fiber::suspend() {
  neumf_simulation_switch(&inside_, outside_);
}

}  // namespace neumf::simulation

#else

namespace neumf::simulation {

void Fiber::start(void (*entry)()) {
  require(getcontext(&inside_) == 0, "getcontext failed: a thread of a simulated block has no context");
  inside_.uc_stack.ss_sp = stack_.get();
  inside_.uc_stack.ss_size = stack_bytes;
  inside_.uc_link = nullptr;
  makecontext(&inside_, entry, 0);
}

void Fiber::resume() {
  require(swapcontext(&outside_, &inside_) == 0, "swapcontext failed: a simulated thread cannot continue");
}

void Fiber::suspend() {
  require(swapcontext(&inside_, &outside_) == 0, "swapcontext failed: a simulated thread cannot stop");
}

}  // namespace neumf::simulation

#endif
