#include "item_counts.hpp"

#include <span>

namespace neumf {

std::vector<std::uint64_t> count_items(const Shard& shard, std::uint64_t items,
                                       const Communicator& communicator) {
  std::vector<std::uint64_t> counts(items, 0);
  for (const std::uint32_t item : shard.items) ++counts[item];
  communicator.allreduce_sum(std::span<std::uint64_t>(counts));
  return counts;
}

}  // namespace neumf
