#include "neumf/data/layout.hpp"

#include <algorithm>
#include <numeric>

#include "neumf/core/error.hpp"

namespace neumf::layout {

std::string shard_file(std::size_t shard, std::size_t shards) {
  return fmt::format("shard-{:04}-of-{:04}.h5", shard, shards);
}

std::vector<std::uint64_t> balanced_user_ranges(std::span<const std::uint32_t> counts, std::size_t parts) {
  const std::size_t users = counts.size();
  require(parts > 0, "cannot cut users into 0 parts");
  require(users >= parts, "the data set has {} users, fewer than the {} parts asked for: use at most {}",
          users, parts, users);
  const auto total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  std::vector<std::uint64_t> bounds(parts + 1, 0);
  bounds[parts] = users;
  std::uint64_t user = 0, before = 0;  // `before`: positives of users [0, user)
  for (std::size_t part = 1; part < parts; ++part) {
    // total * part / parts without overflow.
    const std::uint64_t target = total / parts * part + total % parts * part / parts;
    const std::uint64_t least = bounds[part - 1] + 1, most = users - (parts - part);
    while (user < most && (user < least || before + counts[user] / 2 < target)) before += counts[user++];
    bounds[part] = user;
  }
  return bounds;
}

std::vector<ShardUsers> shards_of(std::span<const std::uint64_t> bounds, std::uint64_t first,
                                  std::uint64_t last) {
  std::vector<ShardUsers> parts;
  // The last bound that is not above `first` begins the first shard; shards without users are passed over.
  auto shard =
      static_cast<std::size_t>(std::upper_bound(bounds.begin(), bounds.end(), first) - bounds.begin()) - 1;
  for (std::uint64_t user = first; user < last; ++shard) {
    const std::uint64_t end = std::min(last, bounds[shard + 1]);
    if (user < end) parts.push_back({shard, user, end});
    user = end;
  }
  return parts;
}

}  // namespace neumf::layout
