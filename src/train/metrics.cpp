#include "neumf/train/metrics.hpp"

#include <array>
#include <cmath>
#include <numbers>

namespace neumf {

void MetricSums::add(std::span<const std::uint32_t> ranks) {
  for (const std::uint32_t rank : ranks) {
    if (rank >= static_cast<std::uint32_t>(topk_)) continue;
    hits_ += 1;
    gain_ += std::numbers::ln2 / std::log(static_cast<double>(rank) + 2);
  }
  users_ += static_cast<double>(ranks.size());
}

void MetricSums::add_loss(double loss, std::uint64_t samples) {
  loss_ += loss;
  samples_ += static_cast<double>(samples);
}

Metrics MetricSums::over_all_ranks(const Communicator& communicator) const {
  std::array<double, 5> sums{hits_, gain_, users_, loss_, samples_};
  communicator.allreduce_sum(std::span<double>(sums));
  return {sums[0] / sums[2], sums[1] / sums[2], sums[4] > 0 ? sums[3] / sums[4] : 0.0};
}

}  // namespace neumf
