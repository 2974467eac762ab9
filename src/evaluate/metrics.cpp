#include "neumf/evaluate/metrics.hpp"

#include <cmath>
#include <numbers>

namespace neumf {

MetricSums::MetricSums(const std::vector<int>& topk) {
  for (const int k : topk) sums_.push_back({k});
}

void MetricSums::add(std::span<const std::uint32_t> ranks) {
  for (const std::uint32_t rank : ranks) {
    for (AtK& sum : sums_) {
      if (rank >= static_cast<std::uint32_t>(sum.k)) continue;
      sum.hit_rate += 1;
      sum.ndcg += std::numbers::ln2 / std::log(static_cast<double>(rank) + 2);
    }
    reciprocals_ += 1 / (static_cast<double>(rank) + 1);
  }
  users_ += static_cast<double>(ranks.size());
}

void MetricSums::add_loss(double loss, std::uint64_t samples) {
  loss_ += loss;
  samples_ += static_cast<double>(samples);
}

Metrics MetricSums::over_all_ranks(const Communicator& communicator) const {
  std::vector<double> sums{users_, reciprocals_, loss_, samples_};
  for (const AtK& sum : sums_) sums.insert(sums.end(), {sum.hit_rate, sum.ndcg});
  communicator.allreduce_sum(std::span<double>(sums));
  Metrics metrics;
  const double users = sums[0];
  metrics.ranking.mrr = sums[1] / users;
  metrics.loss = sums[3] > 0 ? sums[2] / sums[3] : 0.0;
  for (std::size_t i = 0; i < sums_.size(); ++i)
    metrics.ranking.at.push_back({sums_[i].k, sums[4 + 2 * i] / users, sums[5 + 2 * i] / users});
  metrics.hit_rate = metrics.ranking.at.front().hit_rate;
  metrics.ndcg = metrics.ranking.at.front().ndcg;
  return metrics;
}

}  // namespace neumf
