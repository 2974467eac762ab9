// Adam (ops/adam.hpp) for embedding tables of which an update reads few rows: the same weights, bit for bit,
// for a fraction of the memory traffic.
//
// Every row moves in every update, also without a gradient. But nobody sees it until the row is read: so it
// waits, and all the updates that a row has missed are made up for at once, in registers, when a batch needs
// it. Without a gradient a row's movement dies down: once an update leaves all weights of a row as they are,
// and later ones are smaller, they need not be computed.
//
// CPUs have it. On a GPU, whose batches read most rows, nothing is deferred.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/ops/adam.hpp"

namespace neumf::ops {

// An embedding table with all that belongs to its rows.
template <class T>
struct AdamTable {
  Matrix<float> weight, gradient, m, v;
  Matrix<T> copy;  // the weights rounded to T; no data in fp32
  // Row i of `gradient` is that of the i-th row which the update has prepared, in one call with each row
  // once; otherwise it has all rows.
  bool gradient_by_position = false;
};

// Whether to defer the rows of a table of `rows` rows of which an update reads at most `reads`. Never where
// that is a quarter of them or more.
template <class Device>
bool deferring_pays(std::uint64_t reads, std::int64_t rows);

// As it is here it defers nothing.
template <class Device, class T>
class DeferredAdam {
 public:
  virtual ~DeferredAdam() = default;
  virtual bool has_tables() const { return false; }

  // Brings these rows up to date. Every row that is read, and every row that is given a gradient, is to be
  // among them, between each two updates.
  virtual void prepare(Context<Device>& /*context*/, std::span<const std::uint32_t> /*users*/,
                       std::span<const std::uint32_t> /*items*/) {}
  // adam_step on the tables: moves the prepared rows and clears their gradients; the others are to follow.
  virtual void update(Context<Device>& /*context*/, const AdamSpec& /*spec*/, const StepState* /*state*/) {}
  // Brings every row up to date.
  virtual void complete(Context<Device>& /*context*/) {}

  virtual std::size_t bytes() const { return 0; }
};

// For the tables whose rows are users, and those whose rows are items; none to leave them to others. A table
// is among them only where deferring_pays.
template <class Device, class T>
std::unique_ptr<DeferredAdam<Device, T>> make_deferred_adam(std::vector<AdamTable<T>> users,
                                                            std::vector<AdamTable<T>> items);

}  // namespace neumf::ops
