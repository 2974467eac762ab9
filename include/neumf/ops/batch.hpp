// A block of samples, in groups that share a user.
//
// Group g has the samples [g * group_size, (g + 1) * group_size). Training with grouped sampling has a
// positive and its negatives per group; shuffled sampling has groups of one; evaluation has a user's held-out
// item and its test negatives. Whatever depends on the user alone is computed once per group.
#pragma once

#include <cstdint>

#include "neumf/core/tensor.hpp"

namespace neumf {

struct BatchView {
  std::int64_t groups = 0;
  std::int32_t group_size = 1;
  const std::uint32_t* users = nullptr;  // [groups] rows of the user tables
  const std::uint32_t* items = nullptr;  // [samples()] rows of the item tables
  const std::uint64_t* ids = nullptr;  // [groups] sample id of the group's first sample; its j-th has id + j
  const std::uint8_t* labels = nullptr;  // [samples()] 1 = positive; may be null when scoring

  std::int64_t samples() const { return groups * group_size; }
  // `count` groups from `first` on, of a view that has all arrays.
  BatchView part(std::int64_t first, std::int64_t count) const {
    const std::int64_t sample = first * group_size;
    return {count, group_size, users + first, items + sample, ids + first, labels + sample};
  }
};

// Memory for a block of at most `groups` groups.
template <class Device>
struct BatchBuffer {
  Tensor<std::uint32_t, Device> users, items;
  Tensor<std::uint64_t, Device> ids;
  Tensor<std::uint8_t, Device> labels;

  BatchBuffer(std::int64_t groups, std::int32_t group_size)
      : users(groups), items(groups * group_size), ids(groups), labels(groups * group_size) {}

  std::size_t bytes() const { return users.bytes() + items.bytes() + ids.bytes() + labels.bytes(); }
  BatchView view(std::int64_t groups, std::int32_t group_size) const {
    return {groups, group_size, users.data(), items.data(), ids.data(), labels.data()};
  }
};

}  // namespace neumf
