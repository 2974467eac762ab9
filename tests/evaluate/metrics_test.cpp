// Metrics against values that were computed by hand from the formulas.
#include "neumf/evaluate/metrics.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace neumf {
namespace {

// Held-out items at places 1, 3 and 6; at place 4; at 7 and 8: ranks leave the user's others out.
const std::vector<std::vector<std::uint32_t>> users{{0, 1, 3}, {3}, {6, 6}};

void expect(const AtK& found, double hit_rate, double ndcg, double recall, double precision, double map) {
  EXPECT_NEAR(found.hit_rate, hit_rate, 1e-15);
  EXPECT_NEAR(found.ndcg, ndcg, 1e-15);
  EXPECT_NEAR(found.recall, recall, 1e-15);
  EXPECT_NEAR(found.precision, precision, 1e-15);
  EXPECT_NEAR(found.map, map, 1e-15);
}

TEST(Metrics, OfOneUser) {
  const double log2_3 = std::log2(3.0), log2_5 = std::log2(5.0);
  // Hits at places 1 and 3; 1 / log2(4) = 1/2; average precision (1/1 + 2/3) / 3.
  expect(metrics_at(5, users[0]), 1, (1 + 0.5) / (1 + 1 / log2_3 + 0.5), 2.0 / 3, 0.4, 5.0 / 9);
  // With K = 2 the ideal ranking has two hits.
  expect(metrics_at(2, users[0]), 1, 1 / (1 + 1 / log2_3), 1.0 / 3, 0.5, 1.0 / 3);
  expect(metrics_at(1, users[0]), 1, 1, 1.0 / 3, 1, 1.0 / 3);
  expect(metrics_at(100, users[0]), 1, (1.5 + 1 / std::log2(7.0)) / (1.5 + 1 / log2_3), 1, 0.03,
         (1 + 2.0 / 3 + 0.5) / 3);
  expect(metrics_at(5, users[1]), 1, 1 / log2_5, 1, 0.2, 0.25);
  expect(metrics_at(3, users[1]), 0, 0, 0, 0, 0);
  expect(metrics_at(6, users[2]), 0, 0, 0, 0, 0);
  expect(metrics_at(7, users[2]), 1, (1.0 / 3) / (1 + 1 / log2_3), 0.5, 1.0 / 7, 1.0 / 14);
  EXPECT_EQ(reciprocal_rank(users[0]), 1);
  EXPECT_EQ(reciprocal_rank(users[1]), 0.25);
  EXPECT_NEAR(reciprocal_rank(users[2]), 1.0 / 7, 1e-16);
}

// Every MPI rank brings the same users, so the means are those of one.
TEST(Metrics, AreMeansOverUsersOfAllRanks) {
  UserRanks ranks;
  for (const auto& user : users) ranks.add(user);
  MetricSums sums({5, 1});
  sums.add(ranks);
  sums.add_loss(3, 6);
  const Metrics metrics = sums.over_all_ranks(Communicator::world());
  expect(metrics.ranking.at[0], 2.0 / 3, 0.378198215702509, 5.0 / 9, 0.2, 0.26851851851851855);
  EXPECT_EQ(metrics.ranking.at[1].k, 1);
  EXPECT_NEAR(metrics.ranking.at[1].recall, 1.0 / 9, 1e-15);
  EXPECT_NEAR(metrics.ranking.mrr, (1 + 0.25 + 1.0 / 7) / 3, 1e-15);
  EXPECT_NEAR(metrics.loss, 0.5, 1e-15);
  EXPECT_TRUE(metrics.several);
  EXPECT_EQ(MetricSums({5}).over_all_ranks(Communicator::world()).hit_rate, 0);  // of nobody
}

TEST(Metrics, RanksAmongOthers) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const auto ranks = [](std::vector<float> held_out, std::vector<float> others) {
    std::vector<std::uint32_t> found(held_out.size());
    rank_among(held_out, others, found);
    return found;
  };
  EXPECT_THAT(ranks({0.5f, 2, 1}, {0, 1, 3, -1}), testing::ElementsAre(1, 2, 2));  // a tie counts against it
  EXPECT_THAT(ranks({nan, 1}, {0, 0, 0}), testing::ElementsAre(0, 3));
  EXPECT_THAT(ranks({1}, {nan, 0, nan}), testing::ElementsAre(2));
  EXPECT_THAT(ranks({inf}, {nan, inf, 5}), testing::ElementsAre(2));
  EXPECT_THAT(ranks({1, 1}, {}), testing::ElementsAre(0, 0));
}

}  // namespace
}  // namespace neumf
