// Evaluation against a brute-force evaluator, on 1, 2 and 4 ranks.
#include "neumf/train/evaluator.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "toy_data.hpp"

namespace neumf {
namespace {

constexpr std::uint32_t users = 50, items = 12, negatives = 9;  // few items: many repeated negatives
const ModelShape shape{users, items, 4, {8, 6}};

struct Fixture {
  Shard whole = test::toy_data(users, items, 3, negatives);
  Communicator world = Communicator::world();
  Shard shard = test::part_of(whole, world.rank(), world.size());
  Context<Cpu> context{2};
  Parameters<Cpu, float> parameters{context, shape, static_cast<std::int64_t>(shard.users.size())};

  Fixture() { parameters.initialise(context, 1, shard.users.first); }

  Metrics evaluate(int topk, std::int64_t block) {
    Evaluator<Cpu, float> evaluator(context, parameters, shape, shard, 0, block, topk);
    return evaluator.evaluate(context, world);
  }
};

// Scores of every (user, item) by a model that holds all users.
std::vector<float> all_scores(Context<Cpu>& context, Parameters<Cpu, float>& parameters) {
  NeuMF<Cpu, float> model(parameters, shape, users, items, false);
  std::vector<std::uint32_t> rows(users), columns(users * items);
  for (std::uint32_t u = 0; u < users; ++u) rows[u] = u;
  for (std::uint32_t s = 0; s < users * items; ++s) columns[s] = s % items;
  std::vector<float> scores(users * items);
  model.begin_step(context, users * items);
  model.score(context, {.groups = users, .group_size = items, .users = rows.data(), .items = columns.data()},
              scores.data());
  return scores;
}

TEST(Evaluator, EqualsBruteForce) {
  Fixture s;
  // Larger embeddings, so that scores differ between items by more than rounding.
  for (const Segment* table : {&s.parameters.layout().user_gmf, &s.parameters.layout().item_gmf})
    for (std::int64_t i = 0; i < table->size(); ++i) s.parameters.weight(*table).data[i] *= 100;
  Parameters<Cpu, float> complete(s.context, shape, users);
  complete.initialise(s.context, 1, 0);
  for (const Segment* table : {&complete.layout().user_gmf, &complete.layout().item_gmf})
    for (std::int64_t i = 0; i < table->size(); ++i) complete.weight(*table).data[i] *= 100;
  const auto scores = all_scores(s.context, complete);

  for (const int topk : {1, 3, 10}) {
    double hits = 0, gain = 0, loss = 0;
    for (std::uint32_t u = 0; u < users; ++u) {
      const float* score = scores.data() + u * items;
      const std::uint32_t held_out = s.whole.test_items[u];
      std::set<std::uint32_t> distinct;
      loss += std::log1p(std::exp(-static_cast<double>(score[held_out])));
      for (std::uint32_t k = 0; k < negatives; ++k) {
        distinct.insert(s.whole.test_negatives[u * negatives + k]);
        loss += std::log1p(std::exp(static_cast<double>(score[s.whole.test_negatives[u * negatives + k]])));
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

TEST(Evaluator, GivesAConstantModelNothing) {
  Fixture s;
  for (float& weight : s.parameters.weights()) weight = 0;
  const Metrics metrics = s.evaluate(1, 1000);
  // Every distinct negative ties with the held-out item; only users whose negatives all equal it would score.
  EXPECT_EQ(metrics.hit_rate, 0);
  EXPECT_NEAR(metrics.loss, std::log(2.0), 1e-7);
}

TEST(Evaluator, GivesAModelOfNaNNothing) {
  Fixture s;
  for (float& weight : s.parameters.weights()) weight = std::nanf("");
  EXPECT_EQ(s.evaluate(1, 1000).hit_rate, 0);
}

}  // namespace
}  // namespace neumf
