#include "neumf/serve/variety.hpp"

#include <algorithm>
#include <cmath>

#include "neumf/ops/top_k.hpp"

namespace neumf::serve {

Variety::Variety(std::uint64_t items, std::vector<std::uint64_t> counts, std::uint64_t users)
    : recommended_(items, false) {
  for (const std::uint64_t count : counts)
    bits_.push_back(
        std::log2(static_cast<double>(users) / static_cast<double>(std::max<std::uint64_t>(count, 1))));
}

void Variety::add(std::span<const std::uint32_t> list) {
  for (const std::uint32_t item : list) {
    if (item == ops::no_item) continue;
    ++places_;
    if (!bits_.empty()) sum_ += bits_[item];
    if (recommended_[item]) continue;
    recommended_[item] = true;
    ++different_;
  }
}

std::optional<double> Variety::novelty() const {
  if (bits_.empty() || places_ == 0) return std::nullopt;
  return sum_ / static_cast<double>(places_);
}

}  // namespace neumf::serve
