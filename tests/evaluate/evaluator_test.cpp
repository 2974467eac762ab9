// Evaluation against a brute-force evaluator, on 1, 2 and 4 ranks.
#include "neumf/evaluate/evaluator.hpp"

#include "neumf/evaluate/full_evaluator.hpp"
#include "neumf/ops/memory.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "test_device.hpp"
#include "toy_data.hpp"

namespace neumf {
namespace {

using test::Device;

constexpr std::uint32_t users = 50, items = 12, negatives = 9;  // few items: many repeated negatives

struct Fixture {
  ModelShape shape;
  Shard whole = test::toy_data(users, items, 3, negatives);
  Communicator world = Communicator::world();
  Shard shard = test::part_of(whole, world.rank(), world.size());
  test::TestContext<Device> context{2};
  Parameters<Device, float> parameters{context, shape, static_cast<std::int64_t>(shard.users.size())};

  explicit Fixture(ModelKind kind = ModelKind::neumf) : shape(ModelShape::of(kind, users, items, 4, {8, 6})) {
    fill(parameters, shard.users.first);
  }

  // Larger embeddings, so that scores differ between items by more than rounding.
  void fill(Parameters<Device, float>& target, std::uint64_t first_user) {
    target.initialise(context, 1, first_user);
    const auto& layout = target.layout();
    for (const Segment* table : {&layout.user_gmf, &layout.item_gmf, &layout.user_mlp, &layout.item_mlp})
      test::edit(context, target.weight(*table), [](auto& values) {
        for (float& value : values) value *= 100;
      });
  }
  Metrics evaluate(int topk, std::int64_t block) {
    Evaluator<Device, float> evaluator(context, parameters, shape, RankingCases(shard, HeldOutPart::test), 0,
                                       block, {topk});
    return evaluator.evaluate(context, world);
  }
  Ranking evaluate_full(const std::vector<int>& topk, std::int64_t block) {
    FullEvaluator<Device, float> evaluator(context, parameters, shape, RankingCases(shard, HeldOutPart::test),
                                           0, block, topk);
    return evaluator.evaluate(context, world);
  }
  // Scores of every (user, item) by a model that holds all users.
  std::vector<float> all_scores();
};

std::vector<float> Fixture::all_scores() {
  Parameters<Device, float> complete(context, shape, users);
  fill(complete, 0);
  NeuMF<Device, float> model(complete, shape, users, items, false);
  std::vector<std::uint32_t> rows(users), columns(users * items);
  for (std::uint32_t u = 0; u < users; ++u) rows[u] = u;
  for (std::uint32_t s = 0; s < users * items; ++s) columns[s] = s % items;
  Tensor<float, Device> scores(users * items);
  const auto device_rows = test::to_device(context, rows), device_columns = test::to_device(context, columns);
  model.begin_step(context, users * items);
  model.score(
      context,
      {.groups = users, .group_size = items, .users = device_rows.data(), .items = device_columns.data()},
      scores.data());
  return test::fetch(context, scores.span());
}

class EvaluatorOf : public testing::TestWithParam<ModelKind> {};
INSTANTIATE_TEST_SUITE_P(Models, EvaluatorOf,
                         testing::Values(ModelKind::neumf, ModelKind::gmf, ModelKind::mlp),
                         [](const auto& model) { return name_of(model.param); });

TEST_P(EvaluatorOf, EqualsBruteForce) {
  Fixture s(GetParam());
  const auto scores = s.all_scores();

  for (const int topk : {1, 3, 10}) {
    double hits = 0, gain = 0, loss = 0;
    for (std::uint32_t u = 0; u < users; ++u) {
      const float* score = scores.data() + u * items;
      const std::uint32_t held_out = s.whole.test.items[u];
      std::set<std::uint32_t> distinct;
      loss += std::log1p(std::exp(-static_cast<double>(score[held_out])));
      for (std::uint32_t k = 0; k < negatives; ++k) {
        distinct.insert(s.whole.test.negatives[u * negatives + k]);
        loss += std::log1p(std::exp(static_cast<double>(score[s.whole.test.negatives[u * negatives + k]])));
      }
      distinct.erase(held_out);
      int rank = 0;
      for (const std::uint32_t item : distinct) rank += score[item] >= score[held_out];
      if (rank < topk) {
        hits += 1;
        gain += std::log(2.0) / std::log(rank + 2.0);
      }
    }
    for (const std::int64_t block : {1, 25, 100000}) {
      const Metrics metrics = s.evaluate(topk, block);
      EXPECT_NEAR(metrics.hit_rate, hits / users, 1e-12) << topk;
      EXPECT_NEAR(metrics.ndcg, gain / users, 1e-12) << topk;
      EXPECT_NEAR(metrics.loss, loss / (users * (negatives + 1)), 1e-6);
    }
  }
}

TEST_P(EvaluatorOf, EqualsBruteForceOverTheCatalogue) {
  Fixture s(GetParam());
  const auto scores = s.all_scores();
  const std::vector<int> topk{3, 1, 5};
  std::vector<double> hits(3), gains(3);
  double reciprocals = 0;
  for (std::uint32_t u = 0; u < users; ++u) {
    const float* score = scores.data() + u * items;
    const std::uint32_t held_out = s.whole.test.items[u];
    int rank = 0;
    for (std::uint32_t i = 0; i < items; ++i) {
      const auto begin = s.whole.items.begin() + static_cast<std::ptrdiff_t>(s.whole.offsets[u]);
      const auto end = s.whole.items.begin() + static_cast<std::ptrdiff_t>(s.whole.offsets[u + 1]);
      rank += i != held_out && std::find(begin, end, i) == end && score[i] >= score[held_out];
    }
    reciprocals += 1.0 / (rank + 1);
    for (std::size_t k = 0; k < 3; ++k)
      if (rank < topk[k]) {
        hits[k] += 1;
        gains[k] += std::log(2.0) / std::log(rank + 2.0);
      }
  }
  // Blocks of a part of the catalogue, of one user, and of several.
  for (const std::int64_t block : {1, 5, 12, 30, 100000}) {
    const Ranking ranking = s.evaluate_full(topk, block);
    ASSERT_EQ(ranking.at.size(), 3u);
    for (std::size_t k = 0; k < 3; ++k) {
      EXPECT_EQ(ranking.at[k].k, topk[k]);
      EXPECT_NEAR(ranking.at[k].hit_rate, hits[k] / users, 1e-12) << block;
      EXPECT_NEAR(ranking.at[k].ndcg, gains[k] / users, 1e-12) << block;
    }
    EXPECT_NEAR(ranking.mrr, reciprocals / users, 1e-12) << block;
  }
}

// Any number of held-out items, in test and in validation: places found by sorting all competitors.
class ManyHeldOut : public testing::TestWithParam<HeldOutPart> {};
INSTANTIATE_TEST_SUITE_P(Parts, ManyHeldOut, testing::Values(HeldOutPart::test, HeldOutPart::validation),
                         [](const auto& part) { return name_of(part.param); });

TEST_P(ManyHeldOut, EqualBruteForce) {
  Fixture s;
  s.whole = test::ragged_toy_data(users, items, 3, negatives, 4);
  s.shard = test::part_of(s.whole, s.world.rank(), s.world.size());
  const auto scores = s.all_scores();
  const HeldOut& held_out = GetParam() == HeldOutPart::test ? s.whole.test : s.whole.valid;
  constexpr int k = 3;
  double users_tested = 0;
  AtK sampled{k}, full{k};
  double sampled_mrr = 0, full_mrr = 0;
  for (std::uint32_t u = 0; u < users; ++u) {
    const std::set<std::uint32_t> own(held_out.of(u).begin(), held_out.of(u).end());
    if (own.empty()) continue;
    users_tested += 1;
    const auto add = [&](const std::set<std::uint32_t>& others, AtK& sums, double& mrr) {
      std::vector<std::pair<float, std::uint32_t>> order;
      for (const auto* list : {&own, &others})
        for (const std::uint32_t item : *list) order.emplace_back(-scores[u * items + item], item);
      std::sort(order.begin(), order.end());
      double hits = 0, gain = 0, ideal = 0, first = 0;
      for (std::size_t place = 1; place <= order.size(); ++place) {
        if (!own.contains(order[place - 1].second)) continue;
        if (first == 0) first = static_cast<double>(place);
        if (place > k) continue;
        hits += 1;
        gain += 1 / std::log2(static_cast<double>(place) + 1);
        sums.map += hits / static_cast<double>(place) / static_cast<double>(own.size());
      }
      for (std::size_t i = 1; i <= std::min<std::size_t>(own.size(), k); ++i)
        ideal += 1 / std::log2(static_cast<double>(i) + 1);
      sums.hit_rate += hits > 0;
      sums.ndcg += gain / ideal;
      sums.recall += hits / static_cast<double>(own.size());
      sums.precision += hits / k;
      mrr += 1 / first;
    };
    std::set<std::uint32_t> drawn(held_out.negatives_of(u).begin(), held_out.negatives_of(u).end()), others;
    for (const std::uint32_t item : own) drawn.erase(item);
    for (std::uint32_t item = 0; item < items; ++item) others.insert(item);
    const auto leave_out = [&](std::span<const std::uint32_t> list) {
      for (const std::uint32_t item : list) others.erase(item);
    };
    leave_out(s.whole.training(u));
    leave_out(held_out.of(u));
    if (GetParam() == HeldOutPart::test) leave_out(s.whole.valid.of(u));
    add(drawn, sampled, sampled_mrr);
    add(others, full, full_mrr);
  }
  const auto expect = [&](const Ranking& found, const AtK& sums, double mrr) {
    EXPECT_NEAR(found.at[0].hit_rate, sums.hit_rate / users_tested, 1e-12);
    EXPECT_NEAR(found.at[0].ndcg, sums.ndcg / users_tested, 1e-12);
    EXPECT_NEAR(found.at[0].recall, sums.recall / users_tested, 1e-12);
    EXPECT_NEAR(found.at[0].precision, sums.precision / users_tested, 1e-12);
    EXPECT_NEAR(found.at[0].map, sums.map / users_tested, 1e-12);
    EXPECT_NEAR(found.mrr, mrr / users_tested, 1e-12);
  };
  const RankingCases cases(s.shard, GetParam());
  for (const std::int64_t block : {1, 40, 100000}) {
    Evaluator<Device, float> evaluator(s.context, s.parameters, s.shape, cases, 0, block, {k});
    const Metrics metrics = evaluator.evaluate(s.context, s.world);
    expect(metrics.ranking, sampled, sampled_mrr);
    EXPECT_TRUE(metrics.several);
    EXPECT_GT(metrics.loss, 0);
    EXPECT_EQ(evaluator.ranks().users(), cases.size());
    FullEvaluator<Device, float> catalogue(s.context, s.parameters, s.shape, cases, 0, block, {k});
    expect(catalogue.evaluate(s.context, s.world), full, full_mrr);
  }
}

// Logits so far apart that the exponential of their difference is no number.
TEST_P(ManyHeldOut, HaveAFiniteLossWhateverTheLogits) {
  Fixture s;
  s.whole = test::ragged_toy_data(users, items, 3, negatives, 4);
  s.shard = test::part_of(s.whole, s.world.rank(), s.world.size());
  test::edit(s.context, s.parameters.weights(), [](auto& weights) {
    for (float& weight : weights) weight *= 1000;
  });
  const RankingCases cases(s.shard, GetParam());
  for (const Loss loss : {Loss::bce, Loss::bpr, Loss::softmax, Loss::ials}) {
    Evaluator<Device, float> evaluator(s.context, s.parameters, s.shape, cases, 0, 1000, {3}, loss);
    const double mean = evaluator.evaluate(s.context, s.world).loss;
    EXPECT_TRUE(std::isfinite(mean)) << name_of(loss);
    EXPECT_GT(mean, 1000) << name_of(loss);
  }
}

TEST(Evaluator, GivesAConstantModelNothing) {
  Fixture s;
  ops::fill_zero(s.context, s.parameters.weights());
  const Metrics metrics = s.evaluate(1, 1000);
  // Every distinct negative ties with the held-out item; only users whose negatives all equal it would score.
  EXPECT_EQ(metrics.hit_rate, 0);
  EXPECT_NEAR(metrics.loss, std::log(2.0), 1e-7);
  // In the catalogue only users who have everything else in training would score.
  EXPECT_EQ(s.evaluate_full({1}, 1000).at[0].hit_rate, 0);
}

// Of logits that are all 0, and all 1.
TEST(Evaluator, HasTheSquaredErrorsOfIals) {
  for (const float logit : {0.0f, 1.0f}) {
    Fixture s;
    ops::fill_zero(s.context, s.parameters.weights());
    test::edit(s.context, s.parameters.weight(s.parameters.layout().head_bias),
               [&](auto& bias) { bias.front() = logit; });
    const RankingCases cases(s.shard, HeldOutPart::test);
    Evaluator<Device, float> evaluator(s.context, s.parameters, s.shape, cases, 0, 40, {3}, Loss::ials);
    EXPECT_NEAR(evaluator.evaluate(s.context, s.world).loss,
                logit > 0 ? negatives / (1.0 + negatives) : 1 / (1.0 + negatives), 1e-7);
  }
}

TEST(Evaluator, GivesAModelOfNaNNothing) {
  Fixture s;
  test::edit(s.context, s.parameters.weights(),
             [](auto& weights) { std::ranges::fill(weights, std::nanf("")); });
  EXPECT_EQ(s.evaluate(1, 1000).hit_rate, 0);
}

}  // namespace
}  // namespace neumf
