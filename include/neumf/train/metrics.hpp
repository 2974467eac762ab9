// Ranking metrics of leave-one-out evaluation.
#pragma once

#include <cstdint>
#include <span>

#include "neumf/comm/communicator.hpp"

namespace neumf {

struct Metrics {
  double hit_rate = 0;  // HR@K: share of users whose held-out item ranks among the first K
  double ndcg = 0;      // NDCG@K: mean of ln 2 / ln(rank + 2) over hits, ranks from 0
  double loss = 0;      // mean binary cross-entropy of the scored items
};

// Sums over a rank's users, to be joined over ranks.
class MetricSums {
 public:
  explicit MetricSums(int topk) : topk_(topk) {}

  void add(std::span<const std::uint32_t> ranks);
  void add_loss(double loss, std::uint64_t samples);
  // The means over all ranks' users, the same on every rank.
  Metrics over_all_ranks(const Communicator& communicator) const;

 private:
  int topk_;
  double hits_ = 0, gain_ = 0, users_ = 0, loss_ = 0, samples_ = 0;
};

}  // namespace neumf
