#include "neumf/train/schedule.hpp"

#include <gmock/gmock.h>

#include "neumf/core/error.hpp"

namespace neumf {
namespace {

TEST(EpochSchedule, UsesEveryGroupOnceOnEveryRank) {
  for (const auto& owned : {std::vector<std::uint64_t>{100}, {37, 41, 22}, {1, 1, 1, 997}, {5, 0, 3}}) {
    for (const std::uint64_t per_step : {1u, 7u, 10u, 64u, 5000u}) {
      const EpochSchedule schedule(owned, per_step);
      const auto ranks = static_cast<int>(owned.size());
      const std::uint64_t steps = (schedule.total() + per_step - 1) / per_step;
      const bool dropped = schedule.steps() < steps;
      std::uint64_t sum = 0;
      for (std::uint64_t step = 0; step < schedule.steps(); ++step) {
        sum += schedule.groups(step);
        std::uint64_t of_ranks = 0;
        for (int rank = 0; rank < ranks; ++rank) {
          of_ranks += schedule.groups(step, rank);
          EXPECT_LE(schedule.groups(step, rank), schedule.most_groups(rank));
        }
        EXPECT_EQ(of_ranks, schedule.groups(step));
        // Shares are rounded down: an update differs from its nominal size by less than one group per rank.
        EXPECT_LT(schedule.groups(step), per_step + owned.size());
      }
      if (dropped)
        EXPECT_LT(schedule.total() - sum, 2 * owned.size());
      else
        for (int rank = 0; rank < ranks; ++rank)
          EXPECT_EQ(schedule.first(schedule.steps(), rank), owned[static_cast<std::size_t>(rank)]);
    }
  }
}

TEST(EpochSchedule, KeepsTheIncompleteLastBatch) {
  const EpochSchedule schedule({50, 55}, 20);
  EXPECT_EQ(schedule.steps(), 6u);
  EXPECT_NEAR(static_cast<double>(schedule.groups(5)), 5, 1);  // shares are rounded down, the rest comes last
}

TEST(EpochSchedule, DropsALastBatchSmallerThanTheRanks) {
  const EpochSchedule schedule({20, 20, 20, 22}, 20);  // 82 = 4 * 20 + 2, fewer than 4 ranks
  EXPECT_EQ(schedule.steps(), 4u);
  EXPECT_EQ(EpochSchedule({1, 1, 0, 0}, 20).steps(), 1u);  // but never the only one
}

TEST(EpochSchedule, HoldsTheLargestDataSets) {
  const std::uint64_t huge = std::uint64_t{1} << 40;  // products of two of these exceed 64 bits
  const EpochSchedule schedule({huge, huge}, huge / 2);
  EXPECT_EQ(schedule.steps(), 4u);
  EXPECT_EQ(schedule.first(4, 1), huge);
  EXPECT_EQ(schedule.groups(1, 0), huge / 4);
}

TEST(EpochSchedule, RefusesADataSetWithoutTraining) {
  EXPECT_THROW(EpochSchedule({0, 0}, 10), Error);
}

}  // namespace
}  // namespace neumf
