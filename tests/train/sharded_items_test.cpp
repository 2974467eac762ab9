// Item tables that are shared out over the ranks, against tables that every rank holds: training, evaluation
// and checkpoints.
#include "neumf/train/sharded_items.hpp"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "neumf/checkpoint/writer.hpp"
#include "neumf/core/error.hpp"
#include "neumf/evaluate/evaluator.hpp"
#include "neumf/evaluate/full_evaluator.hpp"
#include "neumf/train/trainer.hpp"
#include "toy_data_fixture.hpp"

namespace neumf {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::uint32_t users = 40;
// A catalogue of which an update reads a small part, and one of which it reads all.
const ModelShape large{users, 2000, 4, {16, 12, 8}}, small{users, 30, 4, {16, 12, 8}};
constexpr ParameterSet sets[] = {ParameterSet::weights, ParameterSet::first_moments,
                                 ParameterSet::second_moments};

enum class Items { replicated, sharded };

TrainerSpec spec_for(const ModelShape& shape) {
  TrainerSpec spec;
  spec.sampler.item_count = static_cast<std::uint32_t>(shape.items);
  spec.sampler.seed = 3;
  spec.batch_size = 60;
  spec.grads_accumulated = 2;
  spec.learning_rate = 0.01f;
  spec.adam = {0.9f, 0.999f, 1e-8f};
  return spec;
}

// The parameters of a rank and what trains them.
template <class T = float>
struct Rank {
  const Communicator& ranks;
  ModelShape shape;
  Shard shard;
  Context<Cpu> context{1};
  std::optional<ItemShare> share;
  Parameters<Cpu, T> parameters;
  std::optional<ShardedItems<Cpu, T>> items;
  std::optional<Trainer<Cpu, T>> trainer;

  // `reads`: how many items are read at once, at most; `data`: of all ranks.
  Rank(const Communicator& communicator, const ModelShape& model, Items kind, std::uint64_t reads = 1000,
       const std::optional<Shard>& data = std::nullopt)
      : ranks(communicator),
        shape(model),
        shard(
            test::part_of(data ? *data : test::toy_data(users, static_cast<std::uint32_t>(shape.items), 6, 5),
                          ranks.rank(), ranks.size())),
        share(kind == Items::sharded ? std::optional(item_share(ranks, shape.items, reads)) : std::nullopt),
        parameters(context, shape, static_cast<std::int64_t>(shard.users.size()), ParameterUse::training,
                   share) {
    parameters.initialise(context, 1, shard.users.first);
    if (share) items.emplace(context, ranks, parameters, shape.items);
  }
  ShardedItems<Cpu, T>* source() { return items ? &*items : nullptr; }
  void make_trainer(const TrainerSpec& spec, bool by_operation) {
    trainer.emplace(context, ranks, parameters, shape, shard, spec, nullptr, source());
    if (by_operation) trainer->model().go_by_operation();
  }
  // All that this rank knows, in one order whoever keeps it: the layers, its users, and all items.
  std::vector<float> everything() {
    const auto& layout = parameters.layout();
    std::vector<float> all;
    const auto add = [&](const Matrix<float>& m) { all.insert(all.end(), m.data, m.data + m.size()); };
    for (const ParameterSet set : sets) {
      for (const Segment* s : layout.layer_segments()) add(parameters.kept(set, *s));
      for (const Segment* s : layout.user_segments()) add(parameters.kept(set, *s));
      for (const Segment* s : layout.item_segments()) {
        std::vector<float> table(static_cast<std::size_t>(shape.items * s->cols));
        const auto own = parameters.kept(set, *s);
        std::copy_n(own.data, own.size(), table.begin() + (share ? share->first : 0) * s->cols);
        if (share) ranks.allreduce_sum(std::span<float>(table));
        all.insert(all.end(), table.begin(), table.end());
      }
    }
    return all;
  }
};

struct Outcome {
  std::vector<double> losses;
  std::vector<float> values;
  ops::StepState state;
  std::uint64_t bytes_per_update = 0;
};

template <class T = float>
Outcome train(const Communicator& ranks, const ModelShape& shape, Items kind, const TrainerSpec& spec,
              bool by_operation = true, std::uint32_t epochs = 2) {
  Rank<T> rank(ranks, shape, kind);
  rank.make_trainer(spec, by_operation);
  Outcome outcome;
  for (std::uint32_t epoch = 0; epoch < epochs; ++epoch)
    outcome.losses.push_back(*rank.trainer->train_epoch(epoch));
  outcome.values = rank.everything();
  outcome.state = rank.trainer->state();
  outcome.bytes_per_update = rank.trainer->bytes_per_update();
  return outcome;
}

void expect_near(const Outcome& a, const Outcome& b, double tolerance) {
  for (std::size_t epoch = 0; epoch < a.losses.size(); ++epoch)
    EXPECT_NEAR(a.losses[epoch], b.losses[epoch], tolerance);
  ASSERT_EQ(a.values.size(), b.values.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i)
    largest = std::max(largest, std::fabs(static_cast<double>(a.values[i]) - b.values[i]));
  EXPECT_LE(largest, tolerance);
}

// The sum of two numbers does not depend on their order: on up to two ranks, of one thread, both schemes
// round alike. On more a row's gradient is the same sum in another order.
void expect_same(const Communicator& ranks, const Outcome& a, const Outcome& b) {
  expect_near(a, b, ranks.size() <= 2 ? 0 : 1e-6);
}

// Updates that are linear in the gradient: nothing makes more of a rounding.
TrainerSpec linear(TrainerSpec spec) {
  spec.learning_rate = 1.0f;
  spec.adam = {0.0f, 0.0f, 1.0f};
  return spec;
}

TEST(ShardedItems, TrainAsReplicatedOnesDo) {
  const auto world = Communicator::world();
  const auto spec = linear(spec_for(large));
  for (const bool by_operation : {true, false}) {
    SCOPED_TRACE(by_operation);
    const Outcome sharded = train(world, large, Items::sharded, spec, by_operation);
    expect_same(world, sharded, train(world, large, Items::replicated, spec, by_operation));
    // One rank has nobody to send to; the others send what others ask for: less than a table of 2,000 rows.
    EXPECT_EQ(sharded.bytes_per_update == 0, world.size() == 1);
    EXPECT_LT(sharded.bytes_per_update, 2000u * 12 * 4 / 8);
  }
}

// Adam's step is of the learning rate's size whatever the gradient's: so the bound on three ranks is one step
// of a gradient near zero whose sign is a matter of rounding. Most weights are far nearer.
TEST(ShardedItems, TrainWithMomentsAsReplicatedOnesDo) {
  const auto world = Communicator::world();
  const auto spec = spec_for(large);
  const Outcome sharded = train(world, large, Items::sharded, spec),
                replicated = train(world, large, Items::replicated, spec);
  expect_near(sharded, replicated, world.size() <= 2 ? 0 : 2e-3);
}

TEST(ShardedItems, AgreeWithOneRank) {
  const auto world = Communicator::world(), self = Communicator::self();
  auto spec = linear(spec_for(large));
  spec.batch_size = 1 << 20;  // one update per epoch: the same samples on any number of ranks
  Rank<> many(world, large, Items::sharded, 2000), one(self, large, Items::replicated);
  // Of one rank, all users.
  for (Rank<>* rank : {&many, &one}) {
    rank->make_trainer(spec, true);
    rank->trainer->train_epoch(0);
  }
  for (const Segment* s : many.parameters.layout().item_segments()) {
    const bool gmf = s == &many.parameters.layout().item_gmf;
    const auto own = many.parameters.kept(ParameterSet::weights, *s);
    const auto& whole = gmf ? one.parameters.layout().item_gmf : one.parameters.layout().item_mlp;
    for (std::int64_t i = 0; i < own.size(); ++i)
      ASSERT_NEAR(own.data[i], one.parameters.weight(whole).row(many.share->first)[i], 1e-7);
  }
}

// Negatives by popularity have a probability by item, which losses that compare correct for; penalties read
// the rows' weights; a model may have one branch; an update of a small catalogue may read all rows, and
// project all.
TEST(ShardedItems, DoWhatOtherModelsAndObjectivesNeed) {
  const auto world = Communicator::world();
  auto spec = linear(spec_for(large));
  spec.negatives = Negatives::popularity;
  spec.embedding_l2 = 0.1f;
  for (const Loss loss : {Loss::bce, Loss::bpr, Loss::softmax}) {
    SCOPED_TRACE(name_of(loss));
    spec.loss = loss;
    expect_same(world, train(world, large, Items::sharded, spec),
                train(world, large, Items::replicated, spec));
  }
  spec = linear(spec_for(large));
  spec.sampler.sampling = Sampling::shuffled;
  for (const ModelKind kind : {ModelKind::gmf, ModelKind::mlp}) {
    SCOPED_TRACE(name_of(kind));
    const auto shape = ModelShape::of(kind, users, large.items, 4, {16, 12, 8});
    expect_same(world, train(world, shape, Items::sharded, spec),
                train(world, shape, Items::replicated, spec));
  }
  for (const std::int64_t batch : {20, 1 << 20}) {
    SCOPED_TRACE(batch);
    spec = linear(spec_for(small));
    spec.batch_size = batch;
    expect_near(train(world, small, Items::sharded, spec), train(world, small, Items::replicated, spec),
                1e-6);
  }
}

TEST(ShardedItems, StayAsTheyAreWhenFrozen) {
  const auto world = Communicator::world();
  auto spec = linear(spec_for(large));
  spec.freeze.items = true;
  const auto sharded = train(world, large, Items::sharded, spec);
  expect_same(world, sharded, train(world, large, Items::replicated, spec));
  spec.freeze = {.users = true, .items = false, .mlp = true};
  expect_same(world, train(world, large, Items::sharded, spec), train(world, large, Items::replicated, spec));
}

// An overflow skips the update on all ranks and leaves no trace, also in what the owners of rows have summed.
TEST(ShardedItems, SkipUpdatesThatOverflow) {
  const auto world = Communicator::world();
  auto spec = linear(spec_for(large));
  spec.loss_scaling.dynamic = true;
  spec.loss_scale = 0x1p24f;
  for (const bool frozen : {false, true}) {
    spec.freeze.items = frozen;
    const auto sharded = train<float16>(world, large, Items::sharded, spec),
               replicated = train<float16>(world, large, Items::replicated, spec);
    EXPECT_GT(sharded.state.skipped, 0);
    EXPECT_GT(sharded.state.step, 0);
    EXPECT_EQ(sharded.state.skipped, replicated.state.skipped);
    EXPECT_EQ(sharded.state.loss_scale, replicated.state.loss_scale);
    expect_near(sharded, replicated, world.size() <= 2 ? 0 : 1e-5);
  }
  // A gradient of one rank alone, in the row of an item.
  Rank<float16> rank(world, large, Items::sharded, 2000);
  spec.loss_scale = 1024;
  spec.batch_size = 1 << 20;
  spec.freeze.items = false;
  rank.make_trainer(spec, true);
  const auto before = rank.everything();
  if (world.rank() == world.size() - 1)
    rank.parameters.gradient(rank.parameters.layout().item_mlp).data[0] = INFINITY;
  rank.trainer->train_epoch(0);
  EXPECT_EQ(rank.trainer->state().skipped, 1);
  EXPECT_EQ(rank.everything(), before);
  for (const float gradient : rank.parameters.gradients()) ASSERT_EQ(gradient, 0.0f);
  EXPECT_TRUE(std::isfinite(*rank.trainer->train_epoch(1)));
  EXPECT_EQ(rank.trainer->state().step, 1);
}

// One rank wants to stop in the middle of an update: nothing of it stays.
TEST(ShardedItems, GiveUpAnUpdateWithoutATrace) {
  const auto world = Communicator::world();
  auto spec = spec_for(large);
  spec.batch_size = 20 * world.size();
  spec.long_update = 1;
  const auto run = [&](std::uint64_t stop_in, std::uint64_t stop_before) {
    Rank<> rank(world, large, Items::sharded);
    rank.make_trainer(spec, true);
    std::uint64_t updates = 0, blocks = 0;
    const auto after = [&](std::uint64_t done, std::uint64_t) {
      updates = done;
      blocks = 0;
      return done < stop_before;
    };
    const auto give_up = [&] {
      return world.rank() == world.size() - 1 && updates >= stop_in && ++blocks == 2;
    };
    EXPECT_FALSE(rank.trainer->train_epoch(0, 0, after, give_up));
    rank.trainer->train_epoch(0, updates, [&](std::uint64_t done, std::uint64_t) { return done <= updates; });
    return std::pair(updates, rank.everything());
  };
  const auto given_up = run(2, 1 << 20), never_begun = run(1 << 20, given_up.first);
  EXPECT_EQ(given_up.first, never_begun.first);
  EXPECT_EQ(given_up.second, never_begun.second);
}

TEST(ShardedItems, AreRankedAsReplicatedOnes) {
  const auto world = Communicator::world();
  for (const bool ragged : {false, true}) {
    SCOPED_TRACE(ragged);
    std::vector<Metrics> metrics;
    // All at once, and a user or two at a time: ranks then read different numbers of times.
    for (const auto& [kind, reads] : {std::pair(Items::replicated, 0), std::pair(Items::sharded, 2000),
                                      std::pair(Items::sharded, ragged ? 32 : 6 + 6 * (world.rank() % 2))}) {
      const Shard data =
          ragged ? test::ragged_toy_data(users, 2000, 6, 9, 3) : test::toy_data(users, 2000, 6, 5);
      Rank<> rank(world, large, kind, static_cast<std::uint64_t>(reads), data);
      for (float& weight : rank.parameters.weights()) weight *= 30;
      for (float& weight : rank.parameters.kept_items(ParameterSet::weights)) weight *= 30;
      Evaluator<Cpu, float> evaluator(rank.context, rank.parameters, large,
                                      RankingCases(rank.shard, HeldOutPart::test), 0, 12, {3}, Loss::bce,
                                      rank.source());
      metrics.push_back(evaluator.evaluate(rank.context, world));
      if (kind == Items::replicated) continue;
      const auto rank_all = [&] {
        const RankingCases cases(rank.shard, HeldOutPart::test);
        FullEvaluator<Cpu, float> whole_catalogue(rank.context, rank.parameters, large, cases, 0, 12, {3});
      };
      EXPECT_THAT(rank_all, ThrowsMessage<Error>(HasSubstr("--item_embeddings replicated")));
    }
    EXPECT_GT(metrics[0].hit_rate, 0);
    EXPECT_LT(metrics[0].hit_rate, 1);
    for (const Metrics& other : {metrics[1], metrics[2]}) {
      EXPECT_EQ(other.hit_rate, metrics[0].hit_rate);
      EXPECT_EQ(other.ndcg, metrics[0].ndcg);
      EXPECT_EQ(other.loss, metrics[0].loss);
    }
  }
}

TEST(ShardedItems, RefuseWhatTheyCannotDo) {
  const auto world = Communicator::world();
  Rank<> rank(world, large, Items::sharded, 10);
  auto spec = spec_for(large);
  spec.batch_size = 1 << 20;
  EXPECT_THAT([&] { rank.make_trainer(spec, true); },
              ThrowsMessage<Error>(HasSubstr("but there is room for the rows of 10")));
  Rank<> other(world, large, Items::sharded);
  spec = spec_for(large);
  spec.optimizer = Optimizer::sgd;
  EXPECT_THAT([&] { other.make_trainer(spec, true); },
              ThrowsMessage<Error>(HasSubstr("use --item_embeddings replicated")));
}

class ShardedItemsOnDisk : public test::OnToyData {
 protected:
  static constexpr std::uint32_t toy_items = 11;
  const ModelShape toy{users, toy_items, 3, {8, 5, 4}};

  ShardedItemsOnDisk() : OnToyData(users, toy_items) {}

  struct Saved {
    Context<Cpu> context{1};
    std::optional<ItemShare> share;
    Parameters<Cpu, float> parameters;
    Saved(const Communicator& ranks, const ModelShape& shape, const UserRange& range, Items kind)
        : share(kind == Items::sharded ? std::optional(item_share(ranks, shape.items, 100)) : std::nullopt),
          parameters(context, shape, static_cast<std::int64_t>(range.size()), ParameterUse::training, share) {
    }
    WeightRows rows(const UserRange& range) const {
      const auto all = WeightRows::in_order(range, toy_items);
      return share ? all.of(*share) : all;
    }
  };
  // Each value tells the set, the segment, the row and the column.
  static void for_each_value(Saved& saved, const UserRange& range,
                             const std::function<void(float&, float)>& use) {
    const auto& layout = saved.parameters.layout();
    for (std::size_t set = 0; set < std::size(sets); ++set) {
      float number = 1000.0f * static_cast<float>(set + 1);
      const auto visit = [&](const Segment* s, std::int64_t first) {
        const auto table = saved.parameters.kept(sets[set], *s);
        for (std::int64_t row = 0; row < table.rows; ++row)
          for (std::int64_t col = 0; col < table.cols; ++col)
            use(table.row(row)[col],
                number + static_cast<float>(row + first) + static_cast<float>(col) / 64.0f);
        number += 50;
      };
      for (const Segment* s : layout.layer_segments()) visit(s, 0);
      for (const Segment* s : layout.item_segments()) visit(s, saved.share ? saved.share->first : 0);
      for (const Segment* s : layout.user_segments()) visit(s, static_cast<std::int64_t>(range.first));
    }
  }
  void expect_loaded(Saved& saved, const UserRange& range) {
    for_each_value(saved, range, [](float& value, float expected) { ASSERT_EQ(value, expected); });
  }
};

// Written by any number of ranks, in either way; read by any number, in either way.
TEST_F(ShardedItemsOnDisk, AreSavedAsReplicatedOnes) {
  const auto self = Communicator::self();
  for (const Items written : {Items::sharded, Items::replicated}) {
    const auto directory_path = dir_ / (written == Items::sharded ? "sharded" : "replicated");
    const CheckpointDirectory directory(world_, directory_path);
    Saved saved(world_, toy, range_, written);
    for_each_value(saved, range_, [](float& value, float expected) { value = expected; });
    CheckpointWriter<Cpu, float> writer(saved.context, world_, directory, *dataset_, saved.parameters, range_,
                                        0, 2);
    const CheckpointInfo info{toy, dataset_->id(), 1, 0.5, 0.25, 10, "epochs = 3\n"};
    TrainingState state;
    state.epoch = 1;
    state.history.resize(1);
    state.history[0].epoch = 1;
    writer.save_run(info, state);
    writer.save_best(info);
    // Training goes on meanwhile.
    for_each_value(saved, range_, [](float& value, float) { value = -1; });
    writer.finish();
    const auto run = saved_runs(directory_path).at(0);
    for (const Items read : {Items::sharded, Items::replicated}) {
      Saved many(world_, toy, range_, read), one(self, toy, {0, users}, read);
      load_training_state(many.context, run, many.parameters, many.rows(range_), world_.rank(),
                          world_.size());
      expect_loaded(many, range_);
      load_training_state(one.context, run, one.parameters, one.rows({0, users}), 0, 1);
      expect_loaded(one, {0, users});
      Saved best(world_, toy, range_, read);
      load_checkpoint(best.context, directory_path / "best.h5", best.parameters, best.rows(range_));
      for (const Segment* s : best.parameters.layout().item_segments()) {
        const auto got = best.parameters.kept(ParameterSet::weights, *s),
                   want =
                       many.parameters.kept(ParameterSet::weights, s == &best.parameters.layout().item_gmf
                                                                       ? many.parameters.layout().item_gmf
                                                                       : many.parameters.layout().item_mlp);
        EXPECT_EQ(0, std::memcmp(got.data, want.data, static_cast<std::size_t>(got.size()) * sizeof(float)));
      }
    }
  }
}

TEST_F(ShardedItemsOnDisk, AreNotSavedUnlessFinite) {
  const CheckpointDirectory directory(world_, dir_ / "run");
  Saved saved(world_, toy, range_, Items::sharded);
  CheckpointWriter<Cpu, float> writer(saved.context, world_, directory, *dataset_, saved.parameters, range_,
                                      0, 2);
  const CheckpointInfo info{toy, dataset_->id(), 1, 0.5, 0.25, 10, ""};
  writer.save_best(info);
  writer.finish();
  if (world_.rank() == world_.size() - 1)
    saved.parameters.kept(ParameterSet::weights, saved.parameters.layout().item_mlp).data[1] = NAN;
  EXPECT_THAT(
      [&] { writer.save_best(info); },
      ThrowsMessage<CollectiveError>(HasSubstr("/model/item_mlp holds a value that is not a finite")));
  EXPECT_EQ(read_checkpoint_info(dir_ / "run/best.h5").epoch, 1);
  // Rank 0 cannot write: all hear of it, and nobody waits for a message.
  if (world_.rank() == world_.size() - 1)
    saved.parameters.kept(ParameterSet::weights, saved.parameters.layout().item_mlp).data[1] = 0;
  if (world_.is_root()) {
    std::filesystem::remove(dir_ / "run/best.h5.tmp");
    std::filesystem::create_directory(dir_ / "run/best.h5.tmp");
  }
  world_.barrier();
  EXPECT_THAT([&] { writer.save_best(info); }, ThrowsMessage<CollectiveError>(HasSubstr("best.h5.tmp")));
}

// A run that stops in the middle of an epoch, is saved and goes on elsewhere, as one that was not stopped.
TEST_F(ShardedItemsOnDisk, GoOnInTheMiddleOfAnEpoch) {
  auto spec = spec_for(toy);
  spec.batch_size = 30;
  const auto run = [&](bool stops) {
    Rank<> first(world_, toy, Items::sharded);
    first.shard = dataset_->load(range_);
    Parameters<Cpu, float> own(first.context, toy, static_cast<std::int64_t>(range_.size()),
                               ParameterUse::training, first.share);
    Parameters<Cpu, float> next(first.context, toy, static_cast<std::int64_t>(range_.size()),
                                ParameterUse::training, first.share);
    own.initialise(first.context, 1, range_.first);
    ShardedItems<Cpu, float> items(first.context, world_, own, toy.items),
        next_items(first.context, world_, next, toy.items);
    Trainer<Cpu, float> trainer(first.context, world_, own, toy, first.shard, spec, nullptr, &items);
    trainer.train_epoch(0);
    const std::uint64_t stop = trainer.schedule().steps() / 2;
    EXPECT_GT(stop, 0u);
    std::vector<double> losses;
    std::vector<float> weights;
    const auto finish = [&](Trainer<Cpu, float>& last, Parameters<Cpu, float>& parameters,
                            std::uint64_t from) {
      losses.push_back(*last.train_epoch(1, from));
      losses.push_back(*last.train_epoch(2));
      const auto kept = parameters.kept_items(ParameterSet::weights);
      weights.assign(kept.begin(), kept.end());
    };
    if (!stops) {
      finish(trainer, own, 0);
      return std::pair(losses, weights);
    }
    EXPECT_FALSE(trainer.train_epoch(1, 0, [&](std::uint64_t done, std::uint64_t) { return done < stop; }));
    const CheckpointDirectory directory(world_, dir_ / "stopped");
    CheckpointWriter<Cpu, float> writer(first.context, world_, directory, *dataset_, own, range_, 0, 2);
    TrainingState state;
    state.epoch = 1;
    state.update = stop;
    state.device = trainer.state();
    state.history.resize(1);
    state.history[0].epoch = 1;
    writer.save_run({toy, dataset_->id(), 1, 0.5, 0.25, 10, ""}, state);
    writer.finish();
    world_.barrier();
    const auto rows = WeightRows::in_order(range_, toy_items).of(*first.share);
    const auto saved = load_training_state(first.context, saved_runs(dir_ / "stopped").at(0), next, rows,
                                           world_.rank(), world_.size());
    Trainer<Cpu, float> other(first.context, world_, next, toy, first.shard, spec, nullptr, &next_items);
    other.restore(saved.device);
    finish(other, next, saved.update);
    return std::pair(losses, weights);
  };
  EXPECT_EQ(run(true), run(false));
}

}  // namespace
}  // namespace neumf
