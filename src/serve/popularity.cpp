#include "neumf/serve/popularity.hpp"

#include <algorithm>
#include <numeric>

#include "neumf/ops/top_k.hpp"

namespace neumf::serve {

Popularity::Popularity(std::span<const std::uint64_t> counts, const ItemFilter& filter)
    : order_(counts.size()) {
  std::iota(order_.begin(), order_.end(), 0u);
  std::erase_if(order_, [&](std::uint32_t item) { return !filter.allows(item); });
  std::stable_sort(order_.begin(), order_.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return counts[a] > counts[b]; });
}

std::vector<std::uint32_t> Popularity::best(std::size_t topk, std::span<const std::uint32_t> excluded) const {
  std::vector<std::uint32_t> items;
  for (auto item = order_.begin(); item != order_.end() && items.size() < topk; ++item)
    if (!std::binary_search(excluded.begin(), excluded.end(), *item)) items.push_back(*item);
  items.resize(topk, ops::no_item);
  return items;
}

}  // namespace neumf::serve
