// The most popular items, for users that the model does not know.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neumf/serve/item_filter.hpp"

namespace neumf::serve {

class Popularity {
 public:
  Popularity() = default;
  // `counts`: interactions of each item; those that `filter` denies to everybody are left out. Of equal
  // counts the item that comes first is more popular.
  explicit Popularity(std::span<const std::uint64_t> counts, const ItemFilter& filter = {});

  // The `topk` most popular items without those in `excluded` (ascending), filled up with ops::no_item.
  std::vector<std::uint32_t> best(std::size_t topk, std::span<const std::uint32_t> excluded) const;

 private:
  std::vector<std::uint32_t> order_;  // items, most popular first
};

}  // namespace neumf::serve
