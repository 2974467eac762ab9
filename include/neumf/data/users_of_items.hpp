// The users of each item, as Shard has the items of each user.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neumf/data/dataset.hpp"

namespace neumf {

struct UsersOfItems {
  std::vector<std::uint64_t> offsets;  // [items + 1] into users
  std::vector<std::uint32_t> users;    // ascending for each item

  UsersOfItems(const Shard& all, std::uint32_t items) : offsets(items + 1), users(all.items.size()) {
    for (const std::uint32_t item : all.items) ++offsets[item + 1];
    for (std::uint32_t i = 0; i < items; ++i) offsets[i + 1] += offsets[i];
    std::vector<std::uint64_t> next(offsets.begin(), offsets.end() - 1);
    for (std::uint32_t u = 0; u < all.users.size(); ++u)
      for (std::uint64_t p = all.offsets[u]; p < all.offsets[u + 1]; ++p) users[next[all.items[p]]++] = u;
  }
  std::uint64_t count(std::uint32_t item) const { return offsets[item + 1] - offsets[item]; }
  std::span<const std::uint32_t> of(std::uint32_t item) const {
    return std::span(users).subspan(offsets[item], count(item));
  }
};

}  // namespace neumf
