#include "neumf/data/layout.hpp"

#include <gmock/gmock.h>

#include "neumf/core/error.hpp"

namespace neumf::layout {
namespace {

using testing::ElementsAre;

TEST(BalancedUserRanges, CutsEqualUsersEvenly) {
  const std::vector<std::uint32_t> counts(8, 10);
  EXPECT_THAT(balanced_user_ranges(counts, 4), ElementsAre(0, 2, 4, 6, 8));
}

TEST(BalancedUserRanges, FollowsInteractionsNotUsers) {
  const std::vector<std::uint32_t> counts{90, 10, 10, 10, 30, 30};
  EXPECT_THAT(balanced_user_ranges(counts, 2), ElementsAre(0, 1, 6));
}

TEST(BalancedUserRanges, GivesEveryPartAUserEvenWithoutInteractions) {
  const std::vector<std::uint32_t> empty(5, 0);
  const auto bounds = balanced_user_ranges(empty, 5);
  EXPECT_THAT(bounds, ElementsAre(0, 1, 2, 3, 4, 5));
  const std::vector<std::uint32_t> skewed{1000, 1, 1, 1};
  EXPECT_THAT(balanced_user_ranges(skewed, 4), ElementsAre(0, 1, 2, 3, 4));
}

TEST(BalancedUserRanges, StaysWithinOneUserOfTheIdealCut) {
  std::vector<std::uint32_t> counts;
  std::uint64_t total = 0;
  for (std::uint32_t user = 0; user < 1000; ++user) total += counts.emplace_back(user * 7919 % 97 + 1);
  for (const std::size_t parts : {2u, 3u, 7u, 64u}) {
    const auto bounds = balanced_user_ranges(counts, parts);
    std::uint64_t before = 0;
    for (std::size_t part = 0; part < parts; ++part) {
      ASSERT_LT(bounds[part], bounds[part + 1]);
      EXPECT_NEAR(static_cast<double>(before), static_cast<double>(total * part) / static_cast<double>(parts),
                  97.0);
      for (auto user = bounds[part]; user < bounds[part + 1]; ++user) before += counts[user];
    }
  }
}

TEST(BalancedUserRanges, RefusesMorePartsThanUsers) {
  const std::vector<std::uint32_t> counts(3, 1);
  EXPECT_THROW(balanced_user_ranges(counts, 4), Error);
}

TEST(ShardsOf, NamesEveryUserOnceHoweverManyShards) {
  // The fourth shard is empty.
  const std::vector<std::uint64_t> bounds{0, 4, 5, 9, 9, 12};
  for (std::uint64_t first = 0; first <= 12; ++first) {
    for (std::uint64_t last = first; last <= 12; ++last) {
      std::uint64_t next = first;
      for (const auto& part : shards_of(bounds, first, last)) {
        EXPECT_EQ(part.first, next);
        EXPECT_LT(part.first, part.last);
        EXPECT_GE(part.first, bounds.at(part.shard));
        EXPECT_LE(part.last, bounds.at(part.shard + 1));
        next = part.last;
      }
      EXPECT_EQ(next, last);
    }
  }
}

TEST(ShardFile, SortsByShard) {
  EXPECT_EQ(shard_file(3, 8), "shard-0003-of-0008.h5");
}

}  // namespace
}  // namespace neumf::layout
