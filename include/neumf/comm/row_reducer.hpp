// The gradient exchange of embedding tables of which an update touches few rows: only the rows that some rank
// touched are summed over the ranks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"

namespace neumf {

// As it is here it sums nothing: tables are to be summed whole, by a GradientReducer.
template <class Device>
class RowReducer {
 public:
  virtual ~RowReducer() = default;
  virtual bool in_use() const { return false; }
  // Rows to which this rank adds gradients before the next sum; those of other rows stay zero.
  virtual void touch(Context<Device>& /*context*/, std::span<const std::uint32_t> /*rows*/) {}
  // Sums in place over all ranks, bitwise equal on all, and forgets what was touched. Returns the rows that
  // some rank had touched, ascending, valid until the next sum. Collective. Throws Error if MPI fails.
  virtual std::span<const std::uint32_t> sum(Context<Device>& /*context*/,
                                             std::span<const Matrix<float>> /*tables*/) {
    return {};
  }
  // Bytes that this rank has given to reductions so far.
  std::uint64_t bytes() const { return bytes_; }

 protected:
  std::uint64_t bytes_ = 0;
};

// For tables of `rows` rows of which the ranks together read at most `reads` in an update, repetitions
// counted, the same on every rank. Not in use on one rank, nor where an update reads so much that most rows
// would travel. `communicator` must outlive it. CPUs have it; on GPUs it is never in use.
template <class Device>
std::unique_ptr<RowReducer<Device>> make_row_reducer(const Communicator& communicator, std::int64_t rows,
                                                     std::uint64_t reads);

}  // namespace neumf
