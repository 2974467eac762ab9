// Baselines against brute force, on 1, 2 and 4 ranks.
#include "neumf/evaluate/baselines.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "dataset_files.hpp"
#include "neumf/evaluate/item_knn.hpp"
#include "shared_directory.hpp"

namespace neumf {
namespace {

constexpr std::uint32_t users = 60, items = 25, negatives = 8;

struct Fixture {
  Communicator world = Communicator::world();
  Context<Cpu> context{2};
  Shard all = test::toy_data(users, items, 5, negatives);

  // Held-out items must not be in training.
  Fixture() {
    for (std::uint32_t u = 0; u < users; ++u)
      while (has(u, all.test_items[u])) all.test_items[u] = (all.test_items[u] + 1) % items;
  }
  bool has(std::uint32_t user, std::uint32_t item) const {
    return std::find(all.items.begin() + static_cast<std::ptrdiff_t>(all.offsets[user]),
                     all.items.begin() + static_cast<std::ptrdiff_t>(all.offsets[user + 1]),
                     item) != all.items.begin() + static_cast<std::ptrdiff_t>(all.offsets[user + 1]);
  }
  double count(std::uint32_t item) const {
    return static_cast<double>(std::count(all.items.begin(), all.items.end(), item));
  }
  // Straight from the formulas.
  double knn_score(std::uint32_t user, std::uint32_t item, std::size_t neighbours) const {
    std::vector<std::pair<float, std::uint32_t>> similar;
    for (std::uint32_t j = 0; j < items; ++j) {
      double common = 0;
      for (std::uint32_t u = 0; u < users; ++u) common += has(u, item) && has(u, j);
      if (j != item && common > 0)
        similar.emplace_back(-static_cast<float>(common / std::sqrt(count(item) * count(j))), j);
    }
    std::sort(similar.begin(), similar.end());
    double score = 0;
    for (std::size_t k = 0; k < std::min(neighbours, similar.size()); ++k)
      if (has(user, similar[k].second)) score -= similar[k].first;
    return score;
  }
};

TEST(ItemKnn, ScoresAsTheFormulasSay) {
  const Fixture f;
  Context<Cpu> context(2);
  for (const std::uint32_t neighbours : {1u, 4u, 100u}) {
    const ItemKnn knn(context, f.world, f.all, items, neighbours);
    std::vector<float> scores(items);
    double largest = 0;
    for (std::uint32_t u = 0; u < users; ++u) {
      knn.score(std::span(f.all.items).subspan(f.all.offsets[u], f.all.offsets[u + 1] - f.all.offsets[u]),
                scores);
      for (std::uint32_t i = 0; i < items; ++i) {
        EXPECT_NEAR(scores[i], f.knn_score(u, i, neighbours), 1e-5) << u << ", " << i;
        largest = std::max(largest, static_cast<double>(scores[i]));
      }
    }
    EXPECT_GT(largest, 0.1);
  }
}

TEST(Baselines, RankPopularityAsBruteForceDoes) {
  Fixture f;
  const test::SharedDirectory shared(f.world);
  const auto& dir = shared.path();
  if (f.world.is_root()) test::write_dataset(dir, f.all, items, 2);
  f.world.barrier();
  const auto results = evaluate_baselines(f.context, f.world, Dataset::open(dir), 10, {5, 1});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].name, "popularity");
  EXPECT_EQ(results[1].name, "item-knn");

  double sampled = 0, full = 0, reciprocals = 0;
  for (std::uint32_t u = 0; u < users; ++u) {
    const std::uint32_t held_out = f.all.test_items[u];
    const auto first = f.all.test_negatives.begin() + u * negatives;
    int sampled_rank = 0, full_rank = 0;
    for (std::uint32_t i = 0; i < items; ++i) {
      if (i == held_out || f.count(i) < f.count(held_out)) continue;
      full_rank += !f.has(u, i);
      sampled_rank += std::find(first, first + negatives, i) != first + negatives;
    }
    sampled += sampled_rank < 5;
    full += full_rank < 5;
    reciprocals += 1.0 / (full_rank + 1);
  }
  EXPECT_NEAR(results[0].sampled.at[0].hit_rate, sampled / users, 1e-12);
  EXPECT_NEAR(results[0].full.at[0].hit_rate, full / users, 1e-12);
  EXPECT_NEAR(results[0].full.mrr, reciprocals / users, 1e-12);
}

}  // namespace
}  // namespace neumf
