// Training on several ranks. Every rank also trains the whole data set by itself and compares; GPUs are
// compared with CPUs as well.
#include "neumf/train/trainer.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <tuple>

#include "neumf/core/error.hpp"
#include "neumf/ops/memory.hpp"
#include "test_device.hpp"
#include "toy_data.hpp"

namespace neumf {
namespace {

constexpr std::uint32_t users = 40, items = 30;
const ModelShape neumf{users, items, 4, {16, 12, 8}};

TrainerSpec spec_with(Sampling sampling = Sampling::grouped) {
  TrainerSpec spec;
  spec.sampler.sampling = sampling;
  spec.sampler.negatives = 4;
  spec.sampler.item_count = items;
  spec.sampler.seed = 3;
  spec.batch_size = 1 << 20;  // one update per epoch: the same samples on any number of ranks
  spec.dropout = 0.5f;
  spec.learning_rate = 0.01f;
  spec.adam = {0.9f, 0.999f, 1e-8f};
  return spec;
}

// With a large eps an update is linear in the gradient: fp32 rounding and nothing else tells ranks apart.
TrainerSpec linear_steps(TrainerSpec spec) {
  spec.learning_rate = 1.0f;
  spec.adam = {0.0f, 0.0f, 1.0f};
  return spec;
}

struct Outcome {
  std::vector<float> shared;  // MLP and item tables
  std::vector<float> users;   // all users' rows, gmf then mlp
  std::vector<double> losses;
  bool deferred = false;  // updates of rows
  bool by_rows = false;   // exchange of the item tables' gradients
  std::uint64_t bytes_per_update = 0;
};

// The shapes here are narrow, so that a CPU could train them in one piece (ops/whole_step.hpp) as well.
enum class Way { by_operation, narrow };

// Trains on the ranks of `communicator` and returns the weights; user rows of other ranks stay zero. The last
// epoch ends after `last_updates` updates, if it has more.
template <class Device = test::Device, class T = float>
Outcome train(const Communicator& communicator, const TrainerSpec& spec, int epochs, int threads = 1,
              const ModelShape& shape = neumf, Way way = Way::by_operation,
              std::uint64_t last_updates = 1 << 20, float decay = 1.0f) {
  const Shard whole = test::toy_data(users, static_cast<std::uint32_t>(shape.items), 6, 5);
  const Shard shard = test::part_of(whole, communicator.rank(), communicator.size());
  test::TestContext<Device> context(threads);
  const auto rows = static_cast<std::int64_t>(spec.users_replicated ? users : shard.users.size());
  Parameters<Device, T> parameters(context, shape, rows);
  parameters.initialise(context, 1, spec.users_replicated ? 0 : shard.users.first);
  Trainer<Device, T> trainer(context, communicator, parameters, shape, shard, spec);
  EXPECT_EQ(trainer.model().in_one_piece(),
            (std::is_same_v<Device, Cpu>)&&spec.loss == Loss::bce && spec.embedding_l2 == 0);
  if (way == Way::by_operation) trainer.model().go_by_operation();
  Outcome outcome;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const auto go_on = [&](std::uint64_t done, std::uint64_t) {
      return epoch + 1 < epochs || done < last_updates;
    };
    trainer.set_learning_rate(spec.learning_rate * std::pow(decay, static_cast<float>(epoch)));
    outcome.losses.push_back(trainer.train_epoch(static_cast<std::uint32_t>(epoch), 0, go_on).value_or(0));
  }
  outcome.deferred = trainer.weight_update().defers();
  outcome.by_rows = trainer.item_rows().in_use();
  outcome.bytes_per_update = trainer.bytes_per_update();
  const auto weights = test::fetch(context, parameters.weights());
  outcome.shared.assign(weights.begin(), weights.begin() + parameters.layout().shared);
  for (const Segment* s : parameters.layout().user_segments()) {
    std::vector<float> table(static_cast<std::size_t>(users * s->cols), 0.0f);
    const std::uint64_t first = spec.users_replicated ? 0 : shard.users.first;
    std::copy_n(weights.begin() + s->offset, s->size(),
                table.begin() + static_cast<std::ptrdiff_t>(first) * s->cols);
    outcome.users.insert(outcome.users.end(), table.begin(), table.end());
  }
  return outcome;
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b, double tolerance,
                 bool skip_zero = false) {
  ASSERT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!skip_zero || a[i] != 0.0f) largest = std::max(largest, std::fabs(static_cast<double>(a[i]) - b[i]));
  EXPECT_LT(largest, tolerance);
}

// The last losses and all weights.
void expect_agreement(const Outcome& many, const Outcome& one, double tolerance) {
  EXPECT_NEAR(many.losses.back(), one.losses.back(), tolerance);
  expect_near(many.shared, one.shared, tolerance);
  expect_near(many.users, one.users, tolerance, true);
}

auto ways() {
  return test::on_cpu ? testing::ValuesIn({Way::by_operation, Way::narrow})
                      : testing::ValuesIn({Way::by_operation});
}

class TrainerOnRanks : public testing::TestWithParam<std::tuple<Sampling, Way>> {};

TEST_P(TrainerOnRanks, AgreesWithOneRank) {
  const auto [sampling, way] = GetParam();
  const auto spec = spec_with(sampling);
  const auto world = Communicator::world(), self = Communicator::self();
  const Outcome many = train(world, spec, 3, 1, neumf, way), one = train(self, spec, 3, 1, neumf, way);
  for (std::size_t epoch = 0; epoch < 3; ++epoch) EXPECT_NEAR(many.losses[epoch], one.losses[epoch], 1e-6);
  // Adam moves a weight by about the learning rate whatever the gradient's size, so rounding in a gradient
  // near zero can show fully; three steps of 0.01 and typical values bound it far below one step.
  expect_near(many.shared, one.shared, 2e-4);
  expect_near(many.users, one.users, 2e-4, true);
}

TEST_P(TrainerOnRanks, LearnsFromOneStepWhatOneRankLearns) {
  const auto [sampling, way] = GetParam();
  auto spec = linear_steps(spec_with(sampling));
  const Outcome many = train(Communicator::world(), spec, 1, 1, neumf, way),
                one = train(Communicator::self(), spec, 1, 1, neumf, way);
  expect_agreement(many, one, 1e-7);
}

TEST(Trainer, TheOtherModelsAgreeWithOneRank) {
  auto spec = linear_steps(spec_with());
  for (const ModelKind kind : {ModelKind::gmf, ModelKind::mlp}) {
    SCOPED_TRACE(name_of(kind));
    const auto shape = ModelShape::of(kind, users, items, 4, {16, 12, 8});
    const Outcome many = train(Communicator::world(), spec, 2, 1, shape),
                  one = train(Communicator::self(), spec, 2, 1, shape);
    expect_agreement(many, one, 1e-6);
  }
}

// Losses that compare, negatives by popularity over all ranks' users, and penalties on rows.
TEST(Trainer, OtherObjectivesAgreeWithOneRank) {
  auto spec = linear_steps(spec_with());
  spec.negatives = Negatives::popularity;
  spec.embedding_l2 = 0.1f;
  for (const Loss loss : {Loss::bce, Loss::bpr, Loss::softmax}) {
    SCOPED_TRACE(name_of(loss));
    spec.loss = loss;
    const Outcome many = train(Communicator::world(), spec, 2), one = train(Communicator::self(), spec, 2);
    expect_agreement(many, one, 1e-6);
    spec.grads_accumulated = 3;
    const Outcome accumulated = train(Communicator::world(), spec, 2);
    EXPECT_NEAR(accumulated.losses[1], one.losses[1], 1e-6);
    expect_near(accumulated.shared, one.shared, 1e-6);
    spec.grads_accumulated = 1;
  }
}

TEST(Trainer, LearnsByTheOtherObjectives) {
  auto spec = spec_with();
  spec.dropout = 0.0f;
  spec.batch_size = 200;
  for (const Negatives negatives : {Negatives::uniform, Negatives::popularity})
    for (const Loss loss : {Loss::bpr, Loss::softmax}) {
      SCOPED_TRACE(name_of(loss));
      spec.loss = loss;
      spec.negatives = negatives;
      const Outcome outcome = train(Communicator::world(), spec, 60);
      // At first all items are alike: log 2, and log 5 less the negatives that repeat the positive.
      EXPECT_NEAR(outcome.losses.front(), loss == Loss::bpr ? std::log(2.0) : std::log(5.0), 0.15);
      EXPECT_LT(outcome.losses.back(), 0.6 * outcome.losses.front());
    }
}

INSTANTIATE_TEST_SUITE_P(SamplingsAndWays, TrainerOnRanks,
                         testing::Combine(testing::Values(Sampling::grouped, Sampling::shuffled), ways()));

TEST(Trainer, ReplicatedUserEmbeddingsAgreeWithPartitioned) {
  auto spec = linear_steps(spec_with());
  const Outcome partitioned = train(Communicator::world(), spec, 2);
  spec.users_replicated = true;
  const Outcome replicated = train(Communicator::world(), spec, 2);
  expect_agreement(partitioned, replicated, 1e-6);
}

class TrainerEitherWay : public testing::TestWithParam<Way> {};
INSTANTIATE_TEST_SUITE_P(Ways, TrainerEitherWay, ways());

TEST_P(TrainerEitherWay, AccumulatedMicroBatchesEqualOneLargeBatch) {
  auto spec = linear_steps(spec_with());
  spec.batch_size = 300;
  const Outcome large = train(Communicator::world(), spec, 1, 1, neumf, GetParam());
  spec.grads_accumulated = 4;
  const Outcome accumulated = train(Communicator::world(), spec, 1, 1, neumf, GetParam());
  EXPECT_NEAR(large.losses[0], accumulated.losses[0], 1e-6);
  expect_near(large.shared, accumulated.shared, 1e-6);
  expect_near(large.users, accumulated.users, 1e-6);
}

void expect_identical(const Outcome& a, const Outcome& b) {
  EXPECT_EQ(a.losses, b.losses);
  EXPECT_EQ(0, std::memcmp(a.shared.data(), b.shared.data(), a.shared.size() * sizeof(float)));
  EXPECT_EQ(0, std::memcmp(a.users.data(), b.users.data(), a.users.size() * sizeof(float)));
}

TEST_P(TrainerEitherWay, RepeatsItselfBitForBit) {
  auto spec = spec_with();
  spec.batch_size = 200;
  const Outcome first = train(Communicator::world(), spec, 3, 2, neumf, GetParam()),
                second = train(Communicator::world(), spec, 3, 2, neumf, GetParam());
  expect_identical(first, second);
}

// Of two runs, with deferred updates of rows and without, which must not differ in a bit.
std::array<Outcome, 2> deferred_and_immediate(TrainerSpec spec, const ModelShape& shape, Way way,
                                              std::uint64_t last_updates) {
  const auto world = Communicator::world();
  const int threads = world.size() == 1 ? 2 : 1;  // several of several ranks would wait for cores
  spec.defer_row_updates = true;
  Outcome deferred = train(world, spec, 2, threads, shape, way, last_updates);
  spec.defer_row_updates = false;
  Outcome immediate = train(world, spec, 2, threads, shape, way, last_updates);
  EXPECT_EQ(deferred.deferred, test::on_cpu);
  EXPECT_FALSE(immediate.deferred);
  expect_identical(deferred, immediate);
  return {std::move(deferred), std::move(immediate)};
}

// A group per rank and update: few of the rows.
TEST_P(TrainerEitherWay, DefersUpdatesOfRowsWithoutATrace) {
  auto spec = spec_with();
  spec.batch_size = 5 * Communicator::world().size();
  spec.grads_accumulated = 2;
  for (const std::uint64_t last_updates : {1 << 20, 7})
    deferred_and_immediate(spec, neumf, GetParam(), last_updates);
}

// A catalogue of which an update reads a small part.
const ModelShape large_catalogue{users, 2000, 4, {16, 12, 8}};

TrainerSpec spec_of_large_catalogue() {
  auto spec = spec_with();
  spec.sampler.item_count = static_cast<std::uint32_t>(large_catalogue.items);
  return spec;
}

TEST_P(TrainerEitherWay, ExchangesTheItemRowsThatAnUpdateTouches) {
  auto spec = spec_of_large_catalogue();
  const int ranks = Communicator::world().size();
  spec.batch_size = 10 * ranks;
  spec.grads_accumulated = 2;
  for (const std::uint64_t last_updates : {1 << 20, 7})
    for (const Outcome& outcome : deferred_and_immediate(spec, large_catalogue, GetParam(), last_updates)) {
      EXPECT_EQ(outcome.by_rows, test::on_cpu && ranks > 1);
      if (!test::on_cpu) continue;  // a GPU exchanges whole tables
      // The tables have 12 columns of 4 bytes.
      EXPECT_LT(outcome.bytes_per_update, 2000u * 12 * 4 / 8);
    }
}

TEST_P(TrainerEitherWay, AgreesWithOneRankOnALargeCatalogue) {
  auto spec = linear_steps(spec_of_large_catalogue());
  const Outcome many = train(Communicator::world(), spec, 1, 1, large_catalogue, GetParam()),
                one = train(Communicator::self(), spec, 1, 1, large_catalogue, GetParam());
  EXPECT_FALSE(one.by_rows);
  expect_agreement(many, one, 1e-7);
}

#ifndef NEUMF_TEST_CUDA  // a GPU gives no update up
// One rank wants to stop, in the middle of an update: all do, and nothing of that update stays.
TEST_P(TrainerEitherWay, GivesUpALongUpdateWithoutATrace) {
  const auto world = Communicator::world();
  const Shard shard = test::part_of(test::toy_data(users, items, 6, 5), world.rank(), world.size());
  Context<Cpu> context(1);
  for (const bool defers : {false, true}) {
    SCOPED_TRACE(defers);
    auto spec = defers ? spec_of_large_catalogue() : spec_with();
    const ModelShape& shape = defers ? large_catalogue : neumf;
    spec.batch_size = (defers ? 20 : 60) * world.size();
    spec.grads_accumulated = 2;
    spec.long_update = 1;
    // Stops in the update after `stop_in` ones, or before it; then goes on for one update.
    const auto train = [&](std::uint64_t stop_in, std::uint64_t stop_before) {
      Parameters<Cpu, float> parameters(context, shape, static_cast<std::int64_t>(shard.users.size()));
      parameters.initialise(context, 1, shard.users.first);
      Trainer<Cpu, float> trainer(context, world, parameters, shape, shard, spec);
      if (GetParam() == Way::by_operation) trainer.model().go_by_operation();
      EXPECT_EQ(trainer.weight_update().defers(), defers);
      std::uint64_t updates = 0, blocks = 0;
      const auto after = [&](std::uint64_t done, std::uint64_t) {
        updates = done;
        blocks = 0;
        return done < stop_before;
      };
      const bool stops = world.rank() == world.size() - 1;
      const auto give_up = [&] { return stops && updates >= stop_in && ++blocks == 2; };
      EXPECT_FALSE(trainer.train_epoch(0, 0, after, give_up));
      trainer.train_epoch(0, updates, [&](std::uint64_t done, std::uint64_t) { return done <= updates; });
      const auto state = trainer.state();
      EXPECT_EQ(static_cast<std::uint64_t>(state.step), updates + 1);
      std::vector<float> all(parameters.weights().begin(), parameters.weights().end());
      all.insert(all.end(), parameters.second_moments().begin(), parameters.second_moments().end());
      all.push_back(static_cast<float>(state.loss));
      return std::pair(updates, all);
    };
    const auto [updates, given_up] = train(2, 1 << 20);
    const auto [same, never_begun] = train(1 << 20, updates);
    EXPECT_EQ(updates, same);
    EXPECT_EQ(0, std::memcmp(given_up.data(), never_begun.data(), given_up.size() * sizeof(float)));
  }
}
#endif

// A run that stops in the middle of an epoch and goes on in another trainer, on one of several ranks as on
// all.
TEST_P(TrainerEitherWay, GoesOnInTheMiddleOfAnEpoch) {
  auto spec = spec_with();
  spec.batch_size = 150;
  const auto world = Communicator::world();
  const Shard shard = test::part_of(test::toy_data(users, items, 6, 5), world.rank(), world.size());
  test::TestContext<test::Device> context;
  const auto rows = static_cast<std::int64_t>(shard.users.size());
  using Weights = Parameters<test::Device, float>;
  Weights one(context, neumf, rows), other(context, neumf, rows);
  one.initialise(context, 1, shard.users.first);
  const auto trainer_of = [&](Weights& weights) {
    auto trainer =
        std::make_unique<Trainer<test::Device, float>>(context, world, weights, neumf, shard, spec);
    if (GetParam() == Way::by_operation) trainer->model().go_by_operation();
    return trainer;
  };
  const auto first = trainer_of(one);
  first->train_epoch(0);
  const std::uint64_t stop = first->schedule().steps() / 2;
  ASSERT_GT(stop, 0u);
  EXPECT_FALSE(first->train_epoch(1, 0, [&](std::uint64_t done, std::uint64_t) { return done < stop; }));
  for (const auto& [from, to] :
       {std::pair(one.weights(), other.weights()), std::pair(one.first_moments(), other.first_moments()),
        std::pair(one.second_moments(), other.second_moments())})
    test::send(context, test::fetch(context, from), to.data());
  ops::fill_zero(context, other.gradients());
  const auto second = trainer_of(other);
  second->restore(first->state());
  // The first one goes on as well, as one does that was not stopped.
  EXPECT_EQ(second->train_epoch(1, stop), first->train_epoch(1, stop));
  EXPECT_EQ(second->train_epoch(2), first->train_epoch(2));
  EXPECT_EQ(test::fetch(context, one.weights()), test::fetch(context, other.weights()));
}

TEST_P(TrainerEitherWay, LearnsTheTrainingSet) {
  auto spec = spec_with();
  spec.dropout = 0.0f;
  spec.sampler.exact_negatives = true;
  spec.batch_size = 200;
  const Outcome outcome = train(Communicator::world(), spec, 60, 1, neumf, GetParam());
  EXPECT_GT(outcome.losses.front(),
            0.45);  // at first it knows only that one sample in five is positive (0.50)
  EXPECT_LT(outcome.losses.back(), 0.3);
}

#ifndef NEUMF_TEST_CUDA
TEST(Trainer, BothWaysLearnTheSame) {
  auto spec = linear_steps(spec_with());
  const Outcome apart = train(Communicator::world(), spec, 2),
                narrow = train(Communicator::world(), spec, 2, 1, neumf, Way::narrow);
  EXPECT_NEAR(apart.losses[1], narrow.losses[1], 1e-6);
  expect_near(apart.shared, narrow.shared, 1e-6);
  expect_near(apart.users, narrow.users, 1e-6);
}
#else
// In fp32 a GPU differs from a CPU by the order of sums alone. The updates are linear in the gradients (a
// large eps), so that nothing makes more of a rounding.
TEST(Trainer, LearnsWhatCpusLearn) {
  for (const auto sampling : {Sampling::grouped, Sampling::shuffled})
    for (const int accumulated : {1, 3}) {
      auto spec = spec_with(sampling);
      spec.learning_rate = 1.0f;
      spec.adam = {0.0f, 0.0f, 1.0f};
      spec.batch_size = 300;
      spec.grads_accumulated = accumulated;
      const auto world = Communicator::world();
      const Outcome gpu = train(world, spec, 3), cpu = train<Cpu>(world, spec, 3);
      for (std::size_t epoch = 0; epoch < 3; ++epoch) EXPECT_NEAR(gpu.losses[epoch], cpu.losses[epoch], 2e-6);
      expect_near(gpu.shared, cpu.shared, 5e-6);
      expect_near(gpu.users, cpu.users, 5e-6);
    }
}

// What a recorded step was given by value would be frozen in it: here the epoch, the learning rate and the
// weight of a sample (the last update is smaller) change while recordings are replayed.
TEST(Trainer, ReplaysWhatItWouldDoStepByStep) {
  auto spec = spec_with();
  spec.batch_size = 300;
  Outcome outcomes[2];
  for (const bool single : {false, true}) {
    spec.profile = single;  // which records nothing
    outcomes[single ? 1 : 0] =
        train(Communicator::world(), spec, 5, 1, neumf, Way::by_operation, 1 << 20, 0.5f);
  }
  expect_identical(outcomes[0], outcomes[1]);
}
#endif

TEST(Trainer, RanksHoldTheSameSharedWeights) {
  auto spec = spec_with();
  spec.batch_size = 200;
  const auto world = Communicator::world();
  const Outcome outcome = train(world, spec, 3);
  std::string bytes(reinterpret_cast<const char*>(outcome.shared.data()),
                    outcome.shared.size() * sizeof(float));
  EXPECT_TRUE(bytes == world.broadcast(bytes));
}

TEST(Trainer, OtherSeedsDrawOtherSamples) {
  auto spec = spec_with();
  const Outcome first = train(Communicator::world(), spec, 1);
  spec.sampler.seed = 4;
  EXPECT_NE(first.losses, train(Communicator::world(), spec, 1).losses);
}

TEST(Trainer, TheOtherModelsLearnTheTrainingSet) {
  auto spec = spec_with();
  spec.dropout = 0.0f;
  spec.sampler.exact_negatives = true;
  spec.batch_size = 200;
  for (const ModelKind kind : {ModelKind::gmf, ModelKind::mlp}) {
    const Outcome outcome =
        train(Communicator::world(), spec, 60, 1, ModelShape::of(kind, users, items, 4, {16, 12, 8}));
    EXPECT_LT(outcome.losses.back(), 0.4) << name_of(kind);
  }
}

TEST(Trainer, CommunicatesOnlySharedGradientsWherePartitioned) {
  const auto world = Communicator::world();
  const Shard shard = test::part_of(test::toy_data(users, items, 6, 5), world.rank(), world.size());
  test::TestContext<test::Device> context;
  for (const bool replicated : {false, true}) {
    auto spec = spec_with();
    spec.users_replicated = replicated;
    Parameters<test::Device, float> parameters(
        context, neumf, replicated ? users : static_cast<std::int64_t>(shard.users.size()));
    parameters.initialise(context, 1, replicated ? 0 : shard.users.first);
    Trainer<test::Device, float> trainer(context, world, parameters, neumf, shard, spec);
    trainer.train_epoch(0);  // one update
    const auto elements = replicated ? parameters.layout().total : parameters.layout().shared;
    const auto expected = world.size() == 1 ? 0 : static_cast<std::uint64_t>(elements) * 4;
    EXPECT_EQ(trainer.reducer().bytes(), expected);
    trainer.train_epoch(1);
    EXPECT_EQ(trainer.bytes_per_update(), expected);
  }
}

TrainerSpec full_softmax_spec() {
  auto spec = spec_with();
  spec.loss = Loss::full_softmax;
  spec.sampler.negatives = 0;
  spec.dropout = 0;
  return spec;
}
const auto gmf = ModelShape::of(ModelKind::gmf, users, items, 4, {});

// A sample is a user: ranks have different numbers of them.
TEST(Trainer, FullSoftmaxAgreesWithOneRank) {
  auto spec = full_softmax_spec();
  spec.learning_rate = 1.0f;
  spec.adam = {0.0f, 0.0f, 1.0f};
  spec.embedding_l2 = 0.1f;
  for (const bool replicated : {false, true}) {
    spec.users_replicated = replicated;
    const Outcome many = train(Communicator::world(), spec, 2, 1, gmf),
                  one = train(Communicator::self(), spec, 2, 1, gmf);
    EXPECT_NEAR(many.losses[1], one.losses[1], 1e-6);
    expect_near(many.shared, one.shared, 1e-6);
    expect_near(many.users, one.users, 1e-6, !replicated);
    spec.grads_accumulated = 3;
    expect_near(train(Communicator::world(), spec, 2, 1, gmf).shared, one.shared, 1e-6);
    spec.grads_accumulated = 1;
  }
}

// One step of a large eps moves weights by what the gradient says: checked against the formulas.
TEST(Trainer, FullSoftmaxMovesAlongItsGradient) {
  auto spec = full_softmax_spec();
  spec.optimizer = Optimizer::sgd;
  spec.learning_rate = 1.0f;
  spec.embedding_l2 = 0.5f;
  const Shard data = test::toy_data(users, items, 6, 5);
  test::TestContext<test::Device> context;
  Parameters<test::Device, float> parameters(context, gmf, users);
  const Philox philox(9, RandomStream::synthetic);
  test::edit(context, parameters.weights(), [&](auto& weights) {
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = open_unit(philox(i).v[0]) - 0.5f;
  });
  const auto initial = test::fetch(context, parameters.weights());
  const std::vector<double> before(initial.begin(), initial.end());
  const auto& layout = parameters.layout();
  // The mean loss of the positives and the penalties.
  const auto objective = [&](const std::vector<double>& w) {
    const auto at = [&](const Segment& s, std::int64_t row, std::int64_t k) {
      return w[static_cast<std::size_t>(s.offset + row * s.cols + k)];
    };
    double loss = 0, user_squares = 0, item_squares = 0;
    for (std::int64_t u = 0; u < users; ++u) {
      std::vector<double> z(items, 0);
      double sum = 0;
      for (std::int64_t i = 0; i < items; ++i) {
        for (std::int64_t k = 0; k < 4; ++k)
          z[static_cast<std::size_t>(i)] +=
              at(layout.head_gmf, 0, k) * at(layout.user_gmf, u, k) * at(layout.item_gmf, i, k);
        sum += std::exp(z[static_cast<std::size_t>(i)]);
      }
      for (auto p = data.offsets[static_cast<std::size_t>(u)];
           p < data.offsets[static_cast<std::size_t>(u) + 1]; ++p)
        loss += std::log(sum) - z[data.items[p]];
    }
    for (const double x : std::vector<double>(w.begin() + layout.user_gmf.offset,
                                              w.begin() + layout.user_gmf.offset + layout.user_gmf.size()))
      user_squares += x * x;
    for (const double x : std::vector<double>(w.begin() + layout.item_gmf.offset,
                                              w.begin() + layout.item_gmf.offset + layout.item_gmf.size()))
      item_squares += x * x;
    return loss / static_cast<double>(data.items.size()) +
           0.25 * (user_squares / users + item_squares / items);
  };
  const auto self = Communicator::self();
  Trainer<test::Device, float> trainer(context, self, parameters, gmf, data, spec);
  trainer.train_epoch(0);
  const auto after = test::fetch(context, parameters.weights());
  for (const Segment* segment : {&layout.user_gmf, &layout.item_gmf, &layout.head_gmf})
    for (std::int64_t i = segment->offset; i < segment->offset + segment->size(); ++i) {
      auto w = before;
      constexpr double h = 1e-5;
      w[static_cast<std::size_t>(i)] += h;
      const double above = objective(w);
      w[static_cast<std::size_t>(i)] -= 2 * h;
      ASSERT_NEAR(after[static_cast<std::size_t>(i)] - before[static_cast<std::size_t>(i)],
                  -(above - objective(w)) / (2 * h), 1e-6)
          << segment->name << ' ' << i - segment->offset;
    }
}

TEST(Trainer, FullSoftmaxLearnsAndDefersUsers) {
  auto spec = full_softmax_spec();
  spec.batch_size = 4;
  const auto world = Communicator::world();
  const Outcome deferred = train(world, spec, 20, 1, gmf);
  EXPECT_NEAR(deferred.losses.front(), std::log(30.0), 0.2);
  EXPECT_LT(deferred.losses.back(), 0.9 * deferred.losses.front());
  spec.defer_row_updates = false;
  expect_identical(deferred, train(world, spec, 20, 1, gmf));
}

}  // namespace
}  // namespace neumf
