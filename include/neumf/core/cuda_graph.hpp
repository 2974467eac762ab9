// A recorded sequence of operations, submitted to the GPU with one call.
//
// Rules: the work has run once before on the same shapes (so that nothing allocates, times or compiles while
// it is recorded), it does not synchronize, upload or download, and whatever it points to outlives the
// replays. Arguments passed by value (an epoch number, a loss weight) are frozen; what changes lies in device
// memory (ops/step_state.hpp).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "neumf/core/context.hpp"

namespace neumf {

class CudaGraph {
 public:
  CudaGraph();
  ~CudaGraph();
  CudaGraph(CudaGraph&&) noexcept;
  CudaGraph& operator=(CudaGraph&&) noexcept;

  // Records what is submitted to the context between begin() and end(), without running it. If there is a
  // recording already that differs in arguments only, it is updated in place, which costs microseconds.
  void begin(Context<Cuda>& context);
  void end(Context<Cuda>& context);
  // Instead of end(), after an exception: the context can be used again. Does nothing without begin().
  void abandon(Context<Cuda>& context) noexcept;
  // begin(), work, end().
  void record(Context<Cuda>& context, const std::function<void()>& work);
  bool recorded() const;
  // Kernels and copies in the recording; one of none is replayed by doing nothing.
  std::size_t nodes() const;
  void replay(Context<Cuda>& context);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace neumf
