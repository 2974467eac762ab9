// Where a block's item rows come from, where the item tables are shared out over the ranks
// (nn/parameters.hpp).
#pragma once

#include <cstdint>
#include <span>

#include "neumf/core/context.hpp"

namespace neumf {

template <class Device>
class ItemRows {
 public:
  virtual ~ItemRows() = default;
  // Puts the rows of `items`, which may repeat, into the item tables, in place of those that were there, and
  // writes to rows[i] which one is that of items[i]. `rows` may be `items`. Collective.
  virtual void read(Context<Device>& context, std::span<const std::uint32_t> items,
                    std::span<std::uint32_t> rows) = 0;
};

}  // namespace neumf
