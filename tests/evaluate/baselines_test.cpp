// Baselines against brute force, on 1, 2 and 4 ranks.
#include "neumf/evaluate/baselines.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "dataset_files.hpp"
#include "neumf/evaluate/als.hpp"
#include "neumf/evaluate/ease.hpp"
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
      while (has(u, all.test.items[u])) all.test.items[u] = (all.test.items[u] + 1) % items;
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

using Square = std::vector<std::vector<double>>;

// By Gauss and Jordan, without pivots: of a positive definite matrix.
Square inverse(Square a) {
  const std::size_t n = a.size();
  for (std::size_t i = 0; i < n; ++i) {
    a[i].resize(2 * n, 0);
    a[i][n + i] = 1;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const double pivot = a[i][i];
    for (double& x : a[i]) x /= pivot;
    for (std::size_t k = 0; k < n; ++k) {
      const double factor = a[k][i];
      if (k != i)
        for (std::size_t j = 0; j < 2 * n; ++j) a[k][j] -= factor * a[i][j];
    }
  }
  for (auto& row : a) row.erase(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(n));
  return a;
}

TEST(Ease, ScoresAsTheFormulasSay) {
  const Fixture f;
  Context<Cpu> context(2);
  const double regularisation = 3;
  const Ease ease(context, f.world, f.all, items, regularisation);
  Square gram(items, std::vector<double>(items, 0));
  for (std::uint32_t i = 0; i < items; ++i) {
    for (std::uint32_t j = 0; j < items; ++j)
      for (std::uint32_t u = 0; u < users; ++u) gram[i][j] += f.has(u, i) && f.has(u, j);
    gram[i][i] += regularisation;
  }
  const Square p = inverse(gram);
  std::vector<float> scores(items);
  for (std::uint32_t u = 0; u < users; ++u) {
    ease.score(std::span(f.all.items).subspan(f.all.offsets[u], f.all.offsets[u + 1] - f.all.offsets[u]),
               scores);
    for (std::uint32_t j = 0; j < items; ++j) {
      double want = 0;
      for (std::uint32_t i = 0; i < items; ++i)
        if (f.has(u, i) && i != j) want -= p[i][j] / p[j][j];
      ASSERT_NEAR(scores[j], want, 1e-5) << u << ", " << j;
    }
  }
}

TEST(Ease, IsRefusedWhereMemoryWouldNotDo) {
  const Fixture f;
  Context<Cpu> context(1);
  EXPECT_THAT([&] { Ease(context, f.world, f.all, 4'000'000, 500); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("4000000 items needs")));
}

// The items moved last: with enough steps they solve their least squares, given the users.
TEST(Als, SolvesTheLeastSquaresOfEveryItem) {
  const Fixture f;
  Context<Cpu> context(2);
  for (const float power : {0.0f, 0.5f}) {
    const AlsSpec spec{.factors = 6,
                       .regularisation = 0.5f,
                       .regularisation_power = power,
                       .alpha = 4,
                       .iterations = 3,
                       .steps = 30};
    const Als als(context, f.world, f.all, items, spec);
    for (std::uint32_t i = 0; i < items; ++i) {
      std::vector<double> left(6, 0), right(6, 0);
      for (std::uint32_t u = 0; u < users; ++u) {
        const float* x = als.users().row(u);
        double score = 0;
        for (int k = 0; k < 6; ++k) score += static_cast<double>(x[k]) * als.items().row(i)[k];
        const double confidence = f.has(u, i) ? 1 + spec.alpha : 1;
        for (std::size_t k = 0; k < 6; ++k) {
          left[k] += confidence * score * x[k];
          if (f.has(u, i)) right[k] += confidence * x[k];
        }
      }
      const double l2 =
          spec.regularisation * std::pow(users + spec.alpha * f.count(i), static_cast<double>(power));
      for (std::size_t k = 0; k < 6; ++k)
        ASSERT_NEAR(left[k] + l2 * static_cast<double>(als.items().row(i)[k]), right[k],
                    1e-3 * (1 + std::fabs(right[k])))
            << "item " << i << ", power " << power;
    }
  }
}

TEST(Als, DoesNotDependOnRanksAndThreads) {
  const Fixture f;
  Context<Cpu> one(1), three(3);
  const AlsSpec spec{.factors = 5, .iterations = 4};
  const Als shared(three, f.world, f.all, items, spec), alone(one, Communicator::self(), f.all, items, spec);
  std::vector<float> a(items), b(items);
  for (std::uint32_t u = 0; u < users; ++u) {
    shared.score(u, a);
    alone.score(u, b);
    ASSERT_EQ(a, b) << "user " << u;
  }
}

TEST(Baselines, RankPopularityAsBruteForceDoes) {
  Fixture f;
  const test::SharedDirectory shared(f.world);
  const auto& dir = shared.path();
  if (f.world.is_root()) test::write_dataset(dir, f.all, items, 2);
  f.world.barrier();
  const auto results = evaluate_baselines(f.context, f.world, Dataset::open(dir),
                                          {.methods = {}, .neighbours = 10, .als = {}}, {5, 1});
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[0].name, "popularity");
  EXPECT_EQ(results[1].name, "item-knn");

  EXPECT_EQ(results[2].name, "als");
  EXPECT_EQ(results[3].name, "ease");
  for (const auto& result : results) EXPECT_EQ(result.refused, "") << result.name;
  const Als als(f.context, Communicator::self(), f.all, items, {});
  double als_hits = 0;
  std::vector<float> scores(items);
  for (std::uint32_t u = 0; u < users; ++u) {
    als.score(u, scores);
    int rank = 0;
    for (std::uint32_t i = 0; i < items; ++i)
      rank += i != f.all.test.items[u] && !f.has(u, i) && scores[i] >= scores[f.all.test.items[u]];
    als_hits += rank < 5;
  }
  EXPECT_NEAR(results[2].full.at[0].hit_rate, als_hits / users, 1e-12);

  double sampled = 0, full = 0, reciprocals = 0;
  for (std::uint32_t u = 0; u < users; ++u) {
    const std::uint32_t held_out = f.all.test.items[u];
    const auto first = f.all.test.negatives.begin() + u * negatives;
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
