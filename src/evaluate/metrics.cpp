#include "neumf/evaluate/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace neumf {
namespace {

// 1 / log2(p + 1) at place p, from its rank p - 1.
double gain(std::uint64_t rank) {
  return std::numbers::ln2 / std::log(static_cast<double>(rank) + 2);
}

}  // namespace

void UserRanks::add(std::span<const std::uint32_t> of_user) {
  ranks.insert(ranks.end(), of_user.begin(), of_user.end());
  offsets.push_back(ranks.size());
}

void sort_ranks(UserRanks& users) {
  const auto at = [&](std::uint64_t offset) {
    return users.ranks.begin() + static_cast<std::ptrdiff_t>(offset);
  };
  for (std::size_t user = 0; user < users.users(); ++user)
    std::sort(at(users.offsets[user]), at(users.offsets[user + 1]));
}

AtK metrics_at(int k, std::span<const std::uint32_t> ranks) {
  const auto first_k = static_cast<std::uint64_t>(k);
  double hits = 0, gains = 0, precisions = 0, best = 0;
  for (std::size_t j = 0; j < ranks.size(); ++j) {
    const std::uint64_t rank = std::uint64_t{ranks[j]} + j;
    if (rank >= first_k) break;
    hits += 1;
    gains += gain(rank);
    precisions += static_cast<double>(j + 1) / static_cast<double>(rank + 1);
  }
  for (std::size_t i = 0; i < std::min<std::uint64_t>(ranks.size(), first_k); ++i) best += gain(i);
  const auto held_out = static_cast<double>(ranks.size());
  return {k, hits > 0 ? 1.0 : 0.0, gains / best, hits / held_out, hits / k, precisions / held_out};
}

double reciprocal_rank(std::span<const std::uint32_t> ranks) {
  return 1 / (static_cast<double>(ranks.front()) + 1);
}

void rank_among(std::span<const float> held_out, std::span<float> others, std::span<std::uint32_t> ranks) {
  constexpr float highest = std::numeric_limits<float>::infinity();
  std::replace_if(
      others.begin(), others.end(), [](float score) { return std::isnan(score); }, highest);
  std::sort(others.begin(), others.end());
  for (std::size_t i = 0; i < held_out.size(); ++i) {
    const auto first = std::isnan(held_out[i]) ? others.begin()
                                               : std::lower_bound(others.begin(), others.end(), held_out[i]);
    ranks[i] = static_cast<std::uint32_t>(others.end() - first);
  }
  std::sort(ranks.begin(), ranks.end());
}

MetricSums::MetricSums(const std::vector<int>& topk) {
  for (const int k : topk) sums_.push_back({k});
}

void MetricSums::add_user(std::span<const std::uint32_t> ranks) {
  for (AtK& sum : sums_) {
    const AtK own = metrics_at(sum.k, ranks);
    for (const AtKMetric& metric : at_k_metrics) sum.*metric.value += own.*metric.value;
  }
  reciprocals_ += reciprocal_rank(ranks);
  users_ += 1;
  held_out_ += static_cast<double>(ranks.size());
}

void MetricSums::add(const UserRanks& users) {
  for (std::size_t user = 0; user < users.users(); ++user) add_user(users.of(user));
}

void MetricSums::add_loss(double loss, std::uint64_t samples) {
  loss_ += loss;
  samples_ += static_cast<double>(samples);
}

Metrics MetricSums::over_all_ranks(const Communicator& communicator) const {
  std::vector<double> sums{users_, held_out_, reciprocals_, loss_, samples_};
  for (const AtK& sum : sums_)
    for (const AtKMetric& metric : at_k_metrics) sums.push_back(sum.*metric.value);
  communicator.allreduce_sum(std::span<double>(sums));
  Metrics metrics;
  const double users = std::max(sums[0], 1.0);
  metrics.several = sums[1] > sums[0];
  metrics.ranking.mrr = sums[2] / users;
  metrics.loss = sums[4] > 0 ? sums[3] / sums[4] : 0.0;
  auto sum = sums.begin() + 5;
  for (const AtK& own : sums_) {
    AtK& mean = metrics.ranking.at.emplace_back();
    mean.k = own.k;
    for (const AtKMetric& metric : at_k_metrics) mean.*metric.value = *sum++ / users;
  }
  metrics.hit_rate = metrics.ranking.at.front().hit_rate;
  metrics.ndcg = metrics.ranking.at.front().ndcg;
  return metrics;
}

}  // namespace neumf
