// Generated data have the promised sizes, the skew of real data, and preferences that can be learned.
#include "synthetic.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>

#include "negatives.hpp"
#include "neumf/core/error.hpp"
#include "split.hpp"

namespace neumf::preprocess {
namespace {

using testing::HasSubstr;

void expect_valid(const Histories& histories, const SyntheticSpec& spec, std::uint64_t least) {
  ASSERT_EQ(histories.users(), spec.users);
  ASSERT_EQ(histories.items.size(), spec.interactions);
  std::set<std::uint32_t> seen;
  for (std::size_t user = 0; user < histories.users(); ++user) {
    const auto first = histories.items.begin() + static_cast<std::ptrdiff_t>(histories.offsets[user]);
    const auto last = histories.items.begin() + static_cast<std::ptrdiff_t>(histories.offsets[user + 1]);
    EXPECT_GE(static_cast<std::uint64_t>(last - first), least);
    const std::set<std::uint32_t> items(first, last);
    EXPECT_EQ(items.size(), static_cast<std::size_t>(last - first));
    seen.insert(items.begin(), items.end());
  }
  EXPECT_EQ(seen.size(), spec.items);
  EXPECT_LT(*seen.rbegin(), spec.items);
}

TEST(Synthetic, ExactSizesEvenAtTheExtremes) {
  for (const auto& [text, least] : {std::pair{"100x200x5000", 20u},
                                    {"1x1x1", 1u},
                                    {"1x50x50", 50u},
                                    {"50x1x50", 1u},
                                    {"7x9x63", 9u},         // every user has every item
                                    {"10x1000x1000", 20u},  // as many interactions as items
                                    {"1000x10x1000", 1u},
                                    {"30x40x900", 20u}}) {
    const auto spec = parse_synthetic(text);
    SCOPED_TRACE(text);
    expect_valid(generate(spec, 20, 1, 2), spec, least);
  }
}

TEST(Synthetic, KnownNames) {
  EXPECT_EQ(parse_synthetic("ml-20m").interactions, 20'000'263u);
  EXPECT_EQ(parse_synthetic("ml-1m").users, 6'040u);
}

TEST(Synthetic, RejectsImpossibleSizes) {
  for (const char* text : {"", "ml-2m", "1x2", "1x2x3x4", "0x1x1", "2x2x5", "3x1x2", "1x3x2", "-1x2x3",
                           "axbxc", "1x2x", "99999999999x1x99999999999"})
    EXPECT_THROW(parse_synthetic(text), Error) << text;
}

TEST(Synthetic, SameForAnyNumberOfThreadsAndNewForEachSeed) {
  const auto spec = parse_synthetic("300x200x9000");
  const auto one = generate(spec, 20, 5, 1), four = generate(spec, 20, 5, 4),
             other = generate(spec, 20, 6, 1);
  EXPECT_EQ(one.items, four.items);
  EXPECT_EQ(one.offsets, four.offsets);
  EXPECT_NE(one.items, other.items);
}

TEST(Synthetic, SkewOfMovieLens1M) {
  const auto spec = parse_synthetic("ml-1m");
  const auto histories = generate(spec, 20, 1, 2);
  expect_valid(histories, spec, 20);
  std::vector<std::uint64_t> activity(spec.users), popularity(spec.items, 0);
  for (std::size_t user = 0; user < spec.users; ++user)
    activity[user] = histories.offsets[user + 1] - histories.offsets[user];
  for (const auto item : histories.items) ++popularity[item];
  std::sort(activity.begin(), activity.end());
  std::sort(popularity.begin(), popularity.end(), std::greater<>());
  // The real set: median 96, maximum 2,314; the first tenth of the items has 43 % of the interactions.
  EXPECT_NEAR(static_cast<double>(activity[spec.users / 2]), 96, 20);
  EXPECT_GT(activity.back(), 1500u);
  EXPECT_LT(activity.back(), 3000u);
  const auto head =
      std::accumulate(popularity.begin(), popularity.begin() + spec.items / 10, std::uint64_t{0});
  EXPECT_NEAR(static_cast<double>(head) / static_cast<double>(spec.interactions), 0.43, 0.08);
}

using Score = std::function<double(std::size_t user, std::uint32_t item)>;

double hit_rate(const Split& split, const Score& score) {
  std::size_t hits = 0;
  for (std::size_t user = 0; user < split.users(); ++user) {
    const double target = score(user, split.test.items[user]);
    std::set<std::uint32_t> better;
    for (std::size_t k = 0; k < split.negatives_per_user; ++k) {
      const std::uint32_t item = split.test.negatives[user * split.negatives_per_user + k];
      if (item != split.test.items[user] && score(user, item) >= target) better.insert(item);
    }
    hits += better.size() < 10;
  }
  return static_cast<double>(hits) / static_cast<double>(split.users());
}

// Cosine similarity between items over training users, summed over the user's items: what any collaborative
// filter can find.
TEST(Synthetic, NeighboursBeatPopularity) {
  const auto spec = parse_synthetic("1500x600x60000");
  Split split = split_histories(generate(spec, 20, 3, 2), 2);
  draw_negatives(split, 100, 3, 2);
  const std::size_t items = spec.items;
  std::vector<float> together(items * items, 0);
  for (std::size_t user = 0; user < split.users(); ++user)
    for (const auto a : split.training(user))
      for (const auto b : split.training(user)) ++together[a * items + b];
  const auto count = [&](std::size_t item) { return static_cast<double>(together[item * items + item]); };
  const double popularity =
      hit_rate(split, [&](std::size_t, std::uint32_t item) { return count(item) + item * 1e-6; });
  const double neighbours = hit_rate(split, [&](std::size_t user, std::uint32_t item) {
    double sum = 0;
    for (const auto other : split.training(user))
      if (other != item) sum += together[item * items + other] / std::sqrt(1 + count(item) * count(other));
    return sum;
  });
  RecordProperty("popularity", std::to_string(popularity));
  RecordProperty("neighbours", std::to_string(neighbours));
  std::printf("HR@10: popularity %.3f, neighbours %.3f\n", popularity, neighbours);
  EXPECT_GT(neighbours, popularity + 0.1);
  EXPECT_LT(popularity, 0.7);
}

}  // namespace
}  // namespace neumf::preprocess
