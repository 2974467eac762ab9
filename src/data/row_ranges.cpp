#include "neumf/data/row_ranges.hpp"

#include <algorithm>

namespace neumf {

std::vector<UserRange> covering_ranges(std::span<const std::uint32_t> users, std::uint64_t gap,
                                       std::uint64_t most) {
  std::vector<std::uint32_t> sorted(users.begin(), users.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<UserRange> ranges;
  for (const std::uint64_t user : sorted) {
    if (ranges.empty() || user >= ranges.back().last + gap || user - ranges.back().first >= most)
      ranges.push_back({user, user + 1});
    else
      ranges.back().last = std::max(ranges.back().last, user + 1);
  }
  return ranges;
}

}  // namespace neumf
