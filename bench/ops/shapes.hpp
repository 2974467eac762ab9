// The sizes on which operations are measured: those of the two MovieLens data sets and of the default model.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "neumf/core/context.hpp"
#include "neumf/nn/model_shape.hpp"

namespace neumf::bench {

struct DataShape {
  const char* name;
  std::int64_t users, items, positives;
  std::int64_t batch;  // samples of an update

  ModelShape model() const { return {.users = users, .items = items}; }
};

inline constexpr std::array<DataShape, 2> data_shapes{{
    {"ml-20m", 138493, 26744, 19861770, 1048576},
    {"ml-1m", 6040, 3706, 994169, 65536},
}};

inline constexpr std::int32_t group_size = 5;         // a positive and its negatives
inline constexpr std::int32_t test_group_size = 101;  // a held-out item and its negatives

// Groups of the block that a training step works on: what fits the caches on a CPU, all on a GPU.
template <class Device>
std::int64_t block_groups(const Context<Device>& context, const DataShape& data, std::int32_t size) {
  return std::max<std::int64_t>(std::min<std::int64_t>(context.block_samples(), data.batch) / size, 1);
}

}  // namespace neumf::bench
