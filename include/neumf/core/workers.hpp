// Independent pieces of work side by side on one device. On a CPU each thread is a worker with a context of
// one thread, so that operations on small blocks wait for nobody; a GPU is one worker.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "neumf/core/context.hpp"

namespace neumf {

template <class Device>
class Workers {
 public:
  explicit Workers(Context<Device>& context) : context_(context) {}

  int count() const { return 1; }
  // Calls work(worker, its context) for every worker, at the same time. Rethrows what the first to fail
  // threw.
  void run(const std::function<void(int, Context<Device>&)>& work) { work(0, context_); }

 private:
  Context<Device>& context_;
};

template <>
class Workers<Cpu> {
 public:
  explicit Workers(Context<Cpu>& context);

  int count() const { return static_cast<int>(contexts_.size()); }
  void run(const std::function<void(int, Context<Cpu>&)>& work);

 private:
  std::vector<std::unique_ptr<Context<Cpu>>> contexts_;
};

}  // namespace neumf
