// Ranking metrics of held-out items.
//
// A user has h of them, at the places p_1 < p_2 < ... < p_h of its ranking, counted from 1; hits(K) is how
// many of these are at most K. Then
//   HR@K        = 1 if hits(K) > 0, otherwise 0                        (also called success@K)
//   Precision@K = hits(K) / K
//   Recall@K    = hits(K) / h
//   NDCG@K      = sum over hits of 1 / log2(p + 1), divided by the sum over i = 1 ... min(h, K) of
//                 1 / log2(i + 1)                                      (Jarvelin and Kekalainen, TOIS 2002)
//   AP@K        = (sum over hits p_j of j / p_j) / h                   (map_cut of trec_eval)
//   RR          = 1 / p_1
// MAP@K and MRR are the means of AP@K and RR over users, the others keep their names. With one held-out item
// Recall@K is HR@K. Users without held-out items do not count.
//
// The ranks that are handed around count from 0 and leave the user's other held-out items out: with ranks
// r_1 <= r_2 <= ... the places are p_j = r_j + j.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neumf/comm/communicator.hpp"

namespace neumf {

struct AtK {
  int k = 0;
  double hit_rate = 0, ndcg = 0, recall = 0, precision = 0, map = 0;
};

// The members by the names that files and logs have.
struct AtKMetric {
  const char* name;
  double AtK::*value;
  bool of_several;  // says something new only where users have several held-out items
};
inline constexpr AtKMetric at_k_metrics[] = {{"hr", &AtK::hit_rate, false},
                                             {"ndcg", &AtK::ndcg, false},
                                             {"recall", &AtK::recall, true},
                                             {"precision", &AtK::precision, true},
                                             {"map", &AtK::map, true}};

struct Ranking {
  std::vector<AtK> at;  // for every K asked for, in that order
  double mrr = 0;
};

struct Metrics {
  double hit_rate = 0, ndcg = 0;  // at the first K
  double loss = 0;                // the mean of what the evaluator was told to compute
  bool several = false;           // some user has several held-out items
  Ranking ranking;
};

// The ranks of users' held-out items, one user after the other.
struct UserRanks {
  std::vector<std::uint64_t> offsets = {0};
  std::vector<std::uint32_t> ranks;  // ascending within a user

  std::size_t users() const { return offsets.size() - 1; }
  std::span<const std::uint32_t> of(std::size_t user) const {
    return std::span(ranks).subspan(offsets[user], offsets[user + 1] - offsets[user]);
  }
  void add(std::span<const std::uint32_t> of_user);
};

// Within each user.
void sort_ranks(UserRanks& users);

// Of one user, from its ranks, ascending; at least one.
AtK metrics_at(int k, std::span<const std::uint32_t> ranks);
double reciprocal_rank(std::span<const std::uint32_t> ranks);

// Writes to `ranks` how many of `others` score at least as high as each of `held_out`, ascending. Ties, and
// scores that are not numbers, count against the held-out items. Reorders `others`.
void rank_among(std::span<const float> held_out, std::span<float> others, std::span<std::uint32_t> ranks);

// Sums over a rank's users, to be joined over ranks.
class MetricSums {
 public:
  // Every K to report; at least one.
  explicit MetricSums(const std::vector<int>& topk);

  void add_user(std::span<const std::uint32_t> ranks);
  void add(const UserRanks& users);
  void add_loss(double loss, std::uint64_t samples);
  // The means over all ranks' users, the same on every rank; 0 where there are none.
  Metrics over_all_ranks(const Communicator& communicator) const;

 private:
  std::vector<AtK> sums_;
  double reciprocals_ = 0, users_ = 0, held_out_ = 0, loss_ = 0, samples_ = 0;
};

}  // namespace neumf
