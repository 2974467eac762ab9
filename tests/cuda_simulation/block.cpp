#include "block.hpp"

#include "access.hpp"
#include "language.hpp"
#include "neumf/core/error.hpp"

namespace neumf::simulation {

Block& current_block() {
  static Block block;
  return block;
}

void Block::run(dim3 size, const std::function<void()>& kernel) {
  size_ = live_ = size.x * size.y * size.z;
  at_barrier_ = epoch_ = 0;
  kernel_ = &kernel;
  error_ = nullptr;
  while (threads_.size() < size_) threads_.emplace_back();
  for (unsigned i = 0; i < size_; ++i) {
    threads_[i].state = State::ready;
    threads_[i].fiber.start(&Block::enter);
  }
  // Every other round goes backwards, so that a missing barrier is not hidden by one fixed order.
  for (bool backwards = false; live_ > 0; backwards = !backwards) resume_ready(size, backwards);
}

void Block::resume_ready(dim3 size, bool backwards) {
  bool any = false;
  for (unsigned k = 0; k < size_; ++k) {
    const unsigned i = backwards ? size_ - 1 - k : k;
    if (threads_[i].state != State::ready) continue;
    any = true;
    current_ = i;
    threadIdx = {i % size.x, i / size.x % size.y, i / (size.x * size.y)};
    set_thread(i, epoch_);
    threads_[i].fiber.resume();
    if (error_) std::rethrow_exception(error_);  // the other threads are abandoned where they are
  }
  if (!any) report_deadlock();
}

void Block::enter() {
  current_block().run_thread();
}

void Block::abandon(const std::string& why) {
  error_ = std::make_exception_ptr(Error(why));
  threads_[current_].fiber.suspend();
}

void Block::run_thread() {
  // An exception cannot leave a fiber's stack: run() throws it again.
  try {
    (*kernel_)();
  } catch (...) {
    error_ = std::current_exception();
  }
  threads_[current_].state = State::done;
  --live_;
  if (at_barrier_ > 0 && at_barrier_ == live_) release_barrier();
  threads_[current_].fiber.suspend();
}

void Block::wait(State state) {
  Thread& self = threads_[current_];
  self.state = state;
  self.fiber.suspend();
}

void Block::synchronize() {
  if (++at_barrier_ == live_) {
    release_barrier();
    set_thread(current_, epoch_);
  } else {
    wait(State::at_barrier);
  }
}

void Block::release_barrier() {
  at_barrier_ = 0;
  ++epoch_;
  for (unsigned i = 0; i < size_; ++i)
    if (threads_[i].state == State::at_barrier) threads_[i].state = State::ready;
}

double Block::exchange(unsigned mask, double value, unsigned source) {
  Thread& self = threads_[current_];
  const unsigned lane = current_ % warp_size, first = current_ - lane;
  require((mask >> lane & 1u) != 0, "lane {} shuffles under mask {:#x}, which leaves it out", lane, mask);
  self.state = State::exchanging;
  self.mask = mask;
  self.source = source;
  self.sent = value;
  if (!all_exchanging(first, mask)) {
    wait(State::exchanging);
    return self.received;
  }
  // The last lane to arrive serves them all.
  for (unsigned other = 0; other < warp_size; ++other) {
    if ((mask >> other & 1u) == 0) continue;
    Thread& thread = threads_[first + other];
    const bool inside = thread.source < warp_size && (mask >> thread.source & 1u) != 0;
    thread.received = inside ? threads_[first + thread.source].sent : thread.sent;
    thread.state = State::ready;
  }
  return self.received;
}

bool Block::all_exchanging(unsigned first, unsigned mask) const {
  for (unsigned lane = 0; lane < warp_size; ++lane) {
    if ((mask >> lane & 1u) == 0) continue;
    if (first + lane >= size_) return false;
    const Thread& thread = threads_[first + lane];
    if (thread.state != State::exchanging || thread.mask != mask) return false;
  }
  return true;
}

void Block::report_deadlock() const {
  unsigned exchanging = 0;
  for (unsigned i = 0; i < size_; ++i) exchanging += threads_[i].state == State::exchanging ? 1 : 0;
  fail("a block of {} threads hangs: {} wait at __syncthreads() and {} in shuffles that others never reach",
       size_, at_barrier_, exchanging);
}

}  // namespace neumf::simulation
