#include "neumf/ops/ranking.hpp"

#include <limits>

#include "device_fixture.hpp"
#include "ops/reference/ranking.hpp"

namespace neumf::test {
namespace {

template <class C>
struct Ranking : OpTest<C> {
  std::vector<std::uint32_t> ranks(Index groups, Index group_size, const std::vector<std::uint32_t>& items,
                                   const std::vector<float>& scores) {
    const auto device_items = this->to_device(items);
    const auto device_scores = this->to_device(scores);
    auto out = this->to_device(std::vector<std::uint32_t>(static_cast<std::size_t>(groups), 999999u));
    const BatchView batch{groups, static_cast<std::int32_t>(group_size), nullptr, device_items.data()};
    rank_held_out(this->context(), batch, device_scores.data(), out.data());
    return this->to_host(out);
  }

  void check(Index groups, Index group_size, const std::vector<std::uint32_t>& items,
             const std::vector<float>& scores) {
    const auto got = ranks(groups, group_size, items, scores);
    for (Index g = 0; g < groups; ++g)
      ASSERT_EQ(
          got[static_cast<std::size_t>(g)],
          reference::rank_held_out(items.data() + g * group_size, scores.data() + g * group_size, group_size))
          << "group " << g << " of " << groups << ", size " << group_size;
  }
};
TYPED_TEST_SUITE(Ranking, DeviceCases, CaseNames);

using Items = std::vector<std::uint32_t>;

TYPED_TEST(Ranking, CountsWhatIsScoredHigher) {
  EXPECT_EQ(this->ranks(1, 4, {7, 1, 2, 3}, {0.5f, 0.1f, 0.2f, 0.3f}), Items{0});
  EXPECT_EQ(this->ranks(1, 4, {7, 1, 2, 3}, {0.5f, 0.9f, 0.2f, 0.8f}), Items{2});
  EXPECT_EQ(this->ranks(1, 1, {7}, {0.5f}), Items{0});
  EXPECT_EQ(this->ranks(0, 5, {}, {}), Items{});
}

TYPED_TEST(Ranking, CountsTiesAgainstTheHeldOutItem) {
  EXPECT_EQ(this->ranks(1, 4, {7, 1, 2, 3}, {0.5f, 0.5f, 0.2f, 0.5f}), Items{2});
  EXPECT_EQ(this->ranks(1, 3, {7, 1, 2}, {0.0f, -0.0f, -1.0f}), Items{1});
}

TYPED_TEST(Ranking, IgnoresRepeatedNegatives) {
  EXPECT_EQ(this->ranks(1, 5, {7, 1, 1, 2, 1}, {0.5f, 0.9f, 0.9f, 0.1f, 0.9f}), Items{1});
  EXPECT_EQ(this->ranks(1, 3, {7, 7, 7}, {0.5f, 0.5f, 0.5f}), Items{0});
  EXPECT_EQ(this->ranks(1, 4, {0, 0, 4294967295u, 4294967295u}, {0.5f, 0.5f, 0.6f, 0.6f}), Items{1});
}

TYPED_TEST(Ranking, CountsNotANumberAgainstTheHeldOutItem) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(this->ranks(1, 3, {7, 1, 2}, {0.5f, nan, 0.1f}), Items{1});
  EXPECT_EQ(this->ranks(1, 3, {7, 1, 2}, {nan, 0.0f, 0.1f}), Items{2});
  EXPECT_EQ(this->ranks(1, 3, {7, 1, 2}, {nan, nan, nan}), Items{2});
  EXPECT_EQ(this->ranks(1, 3, {7, 1, 2}, {inf, inf, -inf}), Items{1});
}

TYPED_TEST(Ranking, RanksAConstantModelLast) {
  const Index groups = 300, group_size = 101;
  Items items;
  for (Index g = 0; g < groups; ++g)
    for (Index j = 0; j < group_size; ++j) items.push_back(static_cast<std::uint32_t>(g + 3 * j));
  const auto ranks = this->ranks(groups, group_size, items, std::vector<float>(items.size(), 0.25f));
  for (const auto rank : ranks) EXPECT_EQ(rank, 100u);
}

// Few distinct items and scores, so that repetitions and ties abound.
TYPED_TEST(Ranking, MatchesBruteForce) {
  std::mt19937_64 generator(5);
  for (const Index group_size : {1, 2, 5, 17, 32, 33, 101, 1000})
    for (const std::uint32_t catalogue : {3u, 40u, 300u, 4000000000u}) {
      const Index groups = group_size > 500 ? 40 : 400;
      Items items;
      std::vector<float> scores;
      for (Index i = 0; i < groups * group_size; ++i) {
        items.push_back(static_cast<std::uint32_t>(generator() % catalogue));
        const auto level = generator() % 23;
        scores.push_back(level == 22 ? std::numeric_limits<float>::quiet_NaN()
                                     : static_cast<float>(level) - 11);
      }
      this->check(groups, group_size, items, scores);
    }
}

// Items that a hash table of any power of two puts into one slot.
TYPED_TEST(Ranking, TakesItemsThatCollide) {
  Items items;
  std::vector<float> scores;
  for (std::uint32_t g = 0; g < 130; ++g)
    for (std::uint32_t j = 0; j < 101; ++j) {
      items.push_back((j % 90) << 24);
      scores.push_back(static_cast<float>((j % 90) * 37 % 90));  // a function of the item, as a model's is
    }
  this->check(130, 101, items, scores);
}

// The whole catalogue: few scores, so that ties abound, and users who have seen nothing or almost everything.
TYPED_TEST(Ranking, MatchesBruteForceInTheCatalogue) {
  std::mt19937_64 generator(6);
  for (const Index items : {1, 2, 37, 300, 1000}) {
    const Index users = 60;
    std::vector<float> scores;
    std::vector<std::uint64_t> offsets{0};
    Items seen, rows, held_out, want;
    for (Index u = 0; u < users; ++u) {
      std::set<std::uint32_t> is_seen;
      for (Index i = 0; i < items; ++i) {
        const auto level = generator() % 23;
        scores.push_back(level == 22 ? std::numeric_limits<float>::quiet_NaN()
                                     : static_cast<float>(level) - 11);
        if (generator() % 60 < static_cast<std::uint64_t>(u)) is_seen.insert(static_cast<std::uint32_t>(i));
      }
      seen.insert(seen.end(), is_seen.begin(), is_seen.end());
      offsets.push_back(seen.size());
      // Some users have several held-out items, some have none.
      for (auto c = generator() % 4; c > 0; --c) {
        rows.push_back(static_cast<std::uint32_t>(u));
        held_out.push_back(static_cast<std::uint32_t>(generator() % static_cast<std::uint64_t>(items)));
        want.push_back(reference::rank_in_catalogue(
            scores.data() + u * items, static_cast<std::uint32_t>(items), held_out.back(), is_seen));
      }
    }
    const auto device_scores = this->to_device(scores);
    const auto device_held_out = this->to_device(held_out), device_seen = this->to_device(seen);
    const auto device_rows = this->to_device(rows);
    const auto device_offsets = this->to_device(offsets);
    auto ranks = this->to_device(Items(want.size(), 999999u));
    rank_in_catalogue(this->context(), Matrix<const float>{device_scores.data(), users, items},
                      {static_cast<std::int64_t>(want.size()), device_rows.data(), device_held_out.data()},
                      device_offsets.data(), device_seen.data(), ranks.data());
    EXPECT_EQ(this->to_host(ranks), want) << items << " items";
  }
}

}  // namespace
}  // namespace neumf::test
