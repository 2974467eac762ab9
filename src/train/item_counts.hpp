// How often items are interacted with in training.
#pragma once

#include <cstdint>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/data/dataset.hpp"

namespace neumf {

// Training interactions of each of `items` items, over all ranks' users. Collective.
std::vector<std::uint64_t> count_items(const Shard& shard, std::uint64_t items,
                                       const Communicator& communicator);

}  // namespace neumf
