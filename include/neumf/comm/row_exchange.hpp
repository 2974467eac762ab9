// Tables whose rows are shared out over the ranks: a rank keeps a range of the rows, asks the others for
// those that it reads, and gives their gradients back to them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"

namespace neumf {

// The rows [first, last).
struct RowShare {
  std::int64_t first = 0, last = 0;
  std::int64_t size() const { return last - first; }
};

// What a rank keeps of `rows` rows: ranges in the order of the ranks, whose sizes differ by one at the most.
RowShare row_share(std::int64_t rows, int rank, int ranks);

// Every member is collective, unless it says otherwise, and throws Error if MPI fails.
template <class Device>
class RowExchange {
 public:
  virtual ~RowExchange() = default;
  // Asks for the rows `ids`, which may repeat, and writes to places[i] the position of ids[i] in wanted().
  // `places` may be `ids`.
  virtual void ask(Context<Device>& context, std::span<const std::uint32_t> ids,
                   std::span<std::uint32_t> places) = 0;
  // Of the last ask(), ascending and each once, not collective: what this rank has asked for, and which of
  // its own rows some rank has asked for, numbered within its share.
  virtual std::span<const std::uint32_t> wanted() const = 0;
  virtual std::span<const std::uint32_t> asked() const = 0;
  // Row i of to[t] becomes row wanted()[i] of table t, of which kept[t] is this rank's share.
  virtual void fetch(Context<Device>& context, std::span<const Matrix<const float>> kept,
                     std::span<const Matrix<float>> to) = 0;
  // Row i of sums[t] becomes the sum of what the ranks have for row asked()[i] of table t, added in the order
  // of the ranks; from[t] has this rank's, row i for wanted()[i].
  virtual void give(Context<Device>& context, std::span<const Matrix<const float>> from,
                    std::span<const Matrix<float>> sums) = 0;
  // Bytes that this rank has sent to others so far; not collective.
  std::uint64_t bytes() const { return bytes_; }
  // Memory of the exchange itself; not collective.
  virtual std::size_t memory() const = 0;

 protected:
  std::uint64_t bytes_ = 0;
};

// Whether a device has it: CPUs do.
template <class Device>
bool exchanges_rows();

// For tables of `rows` rows. `communicator` must outlive it. Not collective. Throws Error where the device
// has it not.
template <class Device>
std::unique_ptr<RowExchange<Device>> make_row_exchange(const Communicator& communicator, std::int64_t rows);

}  // namespace neumf
