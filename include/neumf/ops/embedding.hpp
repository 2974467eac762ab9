// Embedding tables: gathering rows, and adding gradients back to them.
#pragma once

#include <vector>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/core/types.hpp"

namespace neumf::ops {

// out[i, :] = table[ids[i], :].  table [rows, width], out [n, width].
template <class Device, class T>
void gather_rows(Context<Device>& context, Matrix<const T> table, const std::uint32_t* ids, Matrix<T> out);

// The order in which the rows of a scatter-add are visited. Made once per block from the ids and shared by
// every scatter-add over them. On a CPU each row has a thread that owns it; the thread lists what it must
// add, in sample order: no atomics, and sums that do not depend on timing.
template <class Device>
class ScatterPlan;

template <>
class ScatterPlan<Cpu> {
 public:
  explicit ScatterPlan(std::int64_t capacity) : order(capacity) {}
  std::size_t bytes() const { return order.bytes(); }

  Tensor<std::uint32_t, Cpu> order;    // positions in the block, grouped by owning thread
  Tensor<std::int64_t, Cpu> offsets;   // [threads + 1] into `order`
  const std::uint32_t* ids = nullptr;  // the planned ids, row of position i; must outlive the plan's use
};

#ifdef NEUMF_WITH_CUDA
// On a GPU the ids are sorted (by radix, stable), so that all rows for one id lie together in sample order.
template <>
class ScatterPlan<Cuda> {
 public:
  explicit ScatterPlan(std::int64_t capacity);
  std::size_t bytes() const;

  std::int64_t capacity;
  Tensor<std::uint32_t, Cuda> keys;       // the planned ids, ascending
  Tensor<std::uint32_t, Cuda> order;      // keys[j] was the id at position order[j]
  Tensor<std::uint32_t, Cuda> positions;  // 0, 1, 2, ...
  bool numbered = false;                  // whether `positions` holds them
  // For sorting; the last one is in use. Earlier, smaller ones stay, since recorded graphs may point into
  // them.
  std::vector<Tensor<std::uint8_t, Cuda>> temporary;
  const std::uint32_t* ids = nullptr;  // the planned ids as given; must outlive the plan's use
  std::int64_t count = 0;
};
#endif

// Plans a scatter-add of `count` rows to ids[0..count) (each below `rows`).
template <class Device>
void plan_scatter(Context<Device>& context, const std::uint32_t* ids, std::int64_t count, std::int64_t rows,
                  ScatterPlan<Device>& plan);

// table[ids[i], :] += values[i, :] for every planned i.  values [n, width] of T, table [rows, width] in
// float.
template <class Device, class T>
void scatter_add_rows(Context<Device>& context, const ScatterPlan<Device>& plan, Matrix<const T> values,
                      Matrix<float> table);

}  // namespace neumf::ops
