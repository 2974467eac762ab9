// Alternating least squares on several ranks. Every rank also trains the whole data set by itself and
// compares.
#include "neumf/train/least_squares_trainer.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "neumf/core/error.hpp"
#include "test_device.hpp"
#include "toy_data.hpp"

namespace neumf {
namespace {

using test::Device;

constexpr std::uint32_t users = 40, items = 30;
const auto gmf = ModelShape::of(ModelKind::gmf, users, items, 4, {});

// A rank's model, with the parameters of a new run, and its trainer.
struct Model {
  Model(const Communicator& ranks, const LeastSquaresTrainerSpec& spec)
      : communicator(ranks),
        shard(test::part_of(test::toy_data(users, items, 6, 5), ranks.rank(), ranks.size())),
        parameters(context, gmf, static_cast<std::int64_t>(shard.users.size())) {
    parameters.initialise(context, 1, shard.users.first);
    test::edit(context, parameters.weights(), [](auto& weights) {
      for (float& weight : weights) weight *= 20;
    });
    before = weights();
    trainer.emplace(context, communicator, parameters, gmf, shard, spec);
  }
  std::vector<float> weights() { return test::fetch(context, parameters.weights()); }
  double train(int epochs) {
    double loss = 0;
    for (int epoch = 0; epoch < epochs; ++epoch)
      loss = trainer->train_epoch(static_cast<std::uint32_t>(epoch)).value();
    return loss;
  }
  // Of one pair, by these weights.
  double logit(const std::vector<float>& w, std::uint64_t user_row, std::uint32_t item, bool bias) const {
    const auto& layout = parameters.layout();
    double sum = bias ? w[static_cast<std::size_t>(layout.head_bias.offset)] : 0;
    for (std::int64_t k = 0; k < 4; ++k) {
      const auto at = [&](const Segment& s, std::uint64_t row) {
        return static_cast<double>(
            w[static_cast<std::size_t>(s.offset + static_cast<std::int64_t>(row) * s.cols + k)]);
      };
      sum += at(layout.head_gmf, 0) * at(layout.user_gmf, user_row) * at(layout.item_gmf, item);
    }
    return sum;
  }

  const Communicator& communicator;
  Shard shard;
  test::TestContext<Device> context{2};
  Parameters<Device, float> parameters;
  std::vector<float> before;  // of a final layer that is not at ones
  std::optional<LeastSquaresTrainer<Device, float>> trainer;
};

LeastSquaresTrainerSpec spec_with(Freeze freeze = {}) {
  LeastSquaresTrainerSpec spec;
  spec.rows = {.unobserved_weight = 0.2f, .l2 = 0.05f, .l2_power = 1, .target = 1, .steps = 3};
  spec.freeze = freeze;
  return spec;
}

std::vector<float> rows_of(const std::vector<float>& weights, const Segment& table, std::uint64_t first,
                           std::uint64_t count) {
  const auto begin = weights.begin() + table.offset + static_cast<std::ptrdiff_t>(first) * table.cols;
  return {begin, begin + static_cast<std::ptrdiff_t>(count) * table.cols};
}

TEST(LeastSquaresTrainer, AgreesWithOneRank) {
  const auto world = Communicator::world(), self = Communicator::self();
  Model many(world, spec_with()), one(self, spec_with());
  for (int epoch = 0; epoch < 3; ++epoch) EXPECT_NEAR(many.train(1), one.train(1), 1e-5) << epoch;
  const auto a = many.weights(), b = one.weights();
  const auto& layout = many.parameters.layout();
  const auto near = [](const std::vector<float>& x, const std::vector<float>& y) {
    ASSERT_EQ(x.size(), y.size());
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], 2e-4) << i;
  };
  near(rows_of(a, layout.item_gmf, 0, items), rows_of(b, one.parameters.layout().item_gmf, 0, items));
  near(rows_of(a, layout.user_gmf, 0, many.shard.users.size()),
       rows_of(b, one.parameters.layout().user_gmf, many.shard.users.first, many.shard.users.size()));
  EXPECT_EQ(many.trainer->bytes_per_update() > 0, world.size() > 1);
  // All ranks have the same items, bit for bit.
  double sum = 0;
  for (const float x : rows_of(a, layout.item_gmf, 0, items)) sum += x;
  EXPECT_EQ(world.max(sum), sum);
}

TEST(LeastSquaresTrainer, LowersTheLossThatItTells) {
  const auto self = Communicator::self();
  Model run(self, spec_with({.users = true}));
  // Users stay: the loss is that of the model as it was.
  const std::vector<float> w = run.weights();
  double expected = 0;
  for (std::uint32_t u = 0; u < users; ++u) {
    for (std::uint32_t i = 0; i < items; ++i) expected += 0.2 * std::pow(run.logit(w, u, i, true), 2);
    for (const std::uint32_t i : run.shard.training(u)) expected += std::pow(1 - run.logit(w, u, i, true), 2);
  }
  expected /= static_cast<double>(run.shard.items.size());
  EXPECT_NEAR(run.train(1) / expected, 1, 1e-5);
  const auto& layout = run.parameters.layout();
  EXPECT_EQ(rows_of(run.weights(), layout.user_gmf, 0, users), rows_of(w, layout.user_gmf, 0, users));
  EXPECT_NE(rows_of(run.weights(), layout.item_gmf, 0, items), rows_of(w, layout.item_gmf, 0, items));

  Model both(self, spec_with());
  const double first = both.train(1), last = both.train(8);
  EXPECT_LT(last, 0.9 * first);
  EXPECT_LT(last, 0.9);  // of a model that says 0
}

TEST(LeastSquaresTrainer, TakesAFinalLayerIntoTheItems) {
  const auto world = Communicator::world();
  Model run(world, spec_with());
  const std::vector<float> after = run.weights();
  const auto& layout = run.parameters.layout();
  EXPECT_NE(run.before[static_cast<std::size_t>(layout.head_gmf.offset)], 1.0f);
  for (std::uint64_t u = 0; u < run.shard.users.size(); ++u)
    for (std::uint32_t i = 0; i < items; ++i)
      ASSERT_NEAR(run.logit(after, u, i, true), run.logit(run.before, u, i, false), 1e-6);
}

// A run that goes on from its saved state does the rest of the epoch, with the same bits.
TEST(LeastSquaresTrainer, GoesOnInTheMiddleOfAnEpoch) {
  const auto world = Communicator::world();
  Model whole(world, spec_with()), first(world, spec_with()), second(world, spec_with());
  const double loss = whole.train(1);
  EXPECT_EQ(first.trainer->train_epoch(0, 0, [](std::uint64_t done, std::uint64_t) { return done < 1; }),
            std::nullopt);
  EXPECT_EQ(first.trainer->samples(1), first.trainer->samples() / 2);
  test::send(second.context, first.weights(), second.parameters.weights().data());
  second.trainer->restore(first.trainer->state());
  EXPECT_EQ(second.trainer->train_epoch(0, 1), loss);
  EXPECT_EQ(second.weights(), whole.weights());
  // After the last update only the loss is left to tell.
  Model done(world, spec_with());
  done.trainer->restore(whole.trainer->state());
  EXPECT_EQ(done.trainer->train_epoch(0, 2), loss);
}

TEST(LeastSquaresTrainer, RefusesAModelThatIsNoProductOfVectors) {
  const auto self = Communicator::self();
  test::TestContext<Device> context;
  const ModelShape neumf{users, items, 4, {16, 8}};
  Parameters<Device, float> parameters(context, neumf, users);
  const Shard shard = test::toy_data(users, items, 6, 5);
  EXPECT_THAT([&] { (LeastSquaresTrainer<Device, float>(context, self, parameters, neumf, shard, {})); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("--model gmf")));
}

}  // namespace
}  // namespace neumf
