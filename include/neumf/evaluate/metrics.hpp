// Ranking metrics of leave-one-out evaluation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neumf/comm/communicator.hpp"

namespace neumf {

// With one held-out item per user, Recall@K is HR@K.
struct AtK {
  int k = 0;
  double hit_rate = 0;  // HR@K: share of users whose held-out item ranks among the first K
  double ndcg = 0;      // NDCG@K: mean of ln 2 / ln(rank + 2) over hits, ranks from 0
};

struct Ranking {
  std::vector<AtK> at;  // for every K asked for, in that order
  double mrr = 0;       // mean of 1 / (rank + 1)
};

struct Metrics {
  double hit_rate = 0, ndcg = 0;  // at the first K
  double loss = 0;                // the mean of what the evaluator was told to compute
  Ranking ranking;
};

// Sums over a rank's users, to be joined over ranks.
class MetricSums {
 public:
  // Every K of HR@K and NDCG@K; at least one.
  explicit MetricSums(const std::vector<int>& topk);

  void add(std::span<const std::uint32_t> ranks);
  void add_loss(double loss, std::uint64_t samples);
  // The means over all ranks' users, the same on every rank.
  Metrics over_all_ranks(const Communicator& communicator) const;

 private:
  std::vector<AtK> sums_;  // of hits and gains
  double reciprocals_ = 0, users_ = 0, loss_ = 0, samples_ = 0;
};

}  // namespace neumf
