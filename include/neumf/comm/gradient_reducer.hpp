// The gradient exchange: summing buffers of a device over all ranks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"

namespace neumf {

// Buffers are reduced in the order in which they are started, the same on every rank. Sums are bitwise equal
// on all ranks, and from run to run on the same number of ranks; through NCCL only with
// CudaSettings::reproducible_exchange.
template <class Device>
class GradientReducer {
 public:
  virtual ~GradientReducer() = default;
  // Starts summing `data` in place. It follows the work already submitted to `context`; neither side may
  // touch `data` until finish().
  virtual void start(Context<Device>& context, std::span<float> data) = 0;
  // Orders `context` after everything started. Throws Error if a reduction failed.
  virtual void finish(Context<Device>& context) = 0;
  // Whether start() returns before the sum is done, so that starting early hides it behind other work.
  virtual bool asynchronous() const { return false; }
  // For people: "MPI", "NCCL", "none (one rank)".
  virtual std::string name() const = 0;
  // What the user should know about this choice, or nothing.
  virtual std::string warning() const { return {}; }
  // Bytes that this rank has given to reductions so far.
  std::uint64_t bytes() const { return bytes_; }

 protected:
  std::uint64_t bytes_ = 0;
};

// The best reducer for the device and the ranks. `communicator` must outlive it.
template <class Device>
std::unique_ptr<GradientReducer<Device>> make_gradient_reducer(Context<Device>& context,
                                                               const Communicator& communicator);

}  // namespace neumf
