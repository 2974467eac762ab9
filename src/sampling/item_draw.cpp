#include "neumf/sampling/item_draw.hpp"

#include <algorithm>
#include <cmath>

#include "neumf/core/error.hpp"

namespace neumf {

// Slots by Vose's algorithm ("A Linear Algorithm for Generating Random Numbers with a Given Distribution",
// IEEE TSE 17(9), 1991): what an item of less than the mean leaves of its slot goes to one of more.
ItemDistribution popularity_distribution(std::span<const std::uint64_t> counts, double power) {
  const auto weight = [&](std::uint64_t count) { return std::pow(static_cast<double>(count), power); };
  double sum = 0;
  for (const std::uint64_t count : counts) sum += weight(count);
  require(sum > 0 && std::isfinite(sum),
          "the items' popularities to the power of {} have the sum {}: take a "
          "smaller --popularity_power",
          power, sum);
  const auto items = static_cast<double>(counts.size());
  ItemDistribution out;
  std::vector<double> share;  // of a slot, 1 on average
  std::vector<std::uint32_t> less, more;
  for (std::uint32_t item = 0; item < counts.size(); ++item) {
    share.push_back(weight(counts[item]) / sum * items);
    (share.back() < 1 ? less : more).push_back(item);
    out.log_probability.push_back(
        static_cast<float>(std::log(weight(std::max<std::uint64_t>(counts[item], 1)) / sum)));
  }
  // A slot without another item has itself as the other.
  for (std::uint32_t item = 0; item < counts.size(); ++item) out.slots.push_back(item);
  while (!less.empty() && !more.empty()) {
    const std::uint32_t small = less.back(), large = more.back();
    less.pop_back();
    out.slots[small] =
        static_cast<std::uint64_t>(std::min(share[small] * 0x1p32, 0x1p32 - 1)) << 32 | std::uint64_t{large};
    share[large] -= 1 - share[small];
    if (share[large] >= 1) continue;
    more.pop_back();
    less.push_back(large);
  }
  return out;
}

}  // namespace neumf
