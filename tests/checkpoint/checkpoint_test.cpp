#include "neumf/checkpoint/writer.hpp"

#include <gmock/gmock.h>
#include <hdf5.h>

#include <cmath>
#include <fstream>

#include "neumf/core/error.hpp"
#include "neumf/ops/memory.hpp"
#include "toy_data_fixture.hpp"

namespace neumf {
namespace {

using test::Device;
using test::edit;
using test::fetch;
using testing::HasSubstr;
using testing::ThrowsMessage;

class Checkpoint : public test::OnToyData {
 protected:
  static constexpr std::uint32_t users = 20, items = 6;
  const ModelShape shape{users, items, 3, {8, 5, 4}};

  Checkpoint() : OnToyData(users, items) {}

  Parameters<Device, float> parameters(const UserRange& range, std::uint64_t seed) {
    Parameters<Device, float> p(context_, shape, static_cast<std::int64_t>(range.size()));
    p.initialise(context_, seed, range.first);
    return p;
  }
  void save(std::uint64_t seed, int epoch) {
    auto p = parameters(range_, seed);
    const CheckpointDirectory directory(world_, dir_ / "run");
    CheckpointWriter<Device, float> writer(context_, world_, directory, *dataset_, p, range_, 0, 2);
    writer.save_best(info(epoch));
    writer.finish();
  }
  CheckpointInfo info(int epoch) const {
    return {shape, dataset_->id(), epoch, 0.5, 0.25, 10, "epochs = 3\n"};
  }
  int files(const std::string& prefix) const {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_ / "run"))
      count += entry.path().filename().string().starts_with(prefix);
    return count;
  }
};

TEST_F(Checkpoint, LoadsOnAnyUsers) {
  save(5, 3);
  const auto saved = read_checkpoint_info(dir_ / "run/best.h5");
  EXPECT_EQ(saved.epoch, 3);
  EXPECT_EQ(saved.hit_rate, 0.5);
  EXPECT_EQ(saved.shape.layers, shape.layers);
  EXPECT_EQ(saved.options, "epochs = 3\n");
  // As if read by another number of ranks: all users, and some in the middle of two parts.
  for (const UserRange range : {UserRange{0, users}, UserRange{4, 17}, UserRange{19, 20}}) {
    auto expected = parameters(range, 5), loaded = parameters(range, 6);
    load_checkpoint(context_, dir_ / "run/best.h5", loaded, WeightRows::in_order(range, items));
    EXPECT_EQ(fetch(context_, expected.weights()), fetch(context_, loaded.weights()));
  }
}

// Rows of another order, and rows that the model does not have.
TEST_F(Checkpoint, LoadsTheRowsThatAreAskedFor) {
  save(5, 3);
  const ModelShape other{7, 5, shape.factors, shape.layers};
  const WeightRows rows{{19, 0, no_row, 7, 8, 0, no_row}, {5, no_row, 0, 1, no_row}};
  auto whole = parameters({0, users}, 5);
  Parameters<Device, float> loaded(context_, other, 7), before(context_, other, 7);
  loaded.initialise(context_, 6, 0);
  before.initialise(context_, 6, 0);
  load_checkpoint(context_, dir_ / "run/best.h5", loaded, rows);
  const auto expect_rows = [&](Matrix<float> there, Matrix<float> fresh, Matrix<float> got,
                               const std::vector<std::uint32_t>& from) {
    const auto old = fetch(context_, there), never = fetch(context_, fresh), now = fetch(context_, got);
    const auto cols = static_cast<std::size_t>(got.cols);
    for (std::size_t row = 0; row < from.size(); ++row)
      for (std::size_t i = 0; i < cols; ++i)
        EXPECT_EQ(now[row * cols + i],
                  from[row] == no_row ? never[row * cols + i] : old[from[row] * cols + i])
            << row;
  };
  const auto &of = whole.layout(), &to = loaded.layout();
  expect_rows(whole.weight(of.user_gmf), before.weight(to.user_gmf), loaded.weight(to.user_gmf), rows.users);
  expect_rows(whole.weight(of.user_mlp), before.weight(to.user_mlp), loaded.weight(to.user_mlp), rows.users);
  expect_rows(whole.weight(of.item_gmf), before.weight(to.item_gmf), loaded.weight(to.item_gmf), rows.items);
  expect_rows(whole.weight(of.item_mlp), before.weight(to.item_mlp), loaded.weight(to.item_mlp), rows.items);
  expect_rows(whole.weight(of.head_mlp), {}, loaded.weight(to.head_mlp), {0});
  EXPECT_FALSE(load_optimizer(context_, dir_ / "run/best.h5", loaded, rows)) << "a model without moments";
}

// Rows that a saved run has not begin with a second moment like the others', since Adam corrects nothing so
// late.
TEST_F(Checkpoint, GivesNewRowsAUsualSecondMoment) {
  auto p = parameters(range_, 5);
  const auto& of = p.layout();
  // Roots of 1, 3, 5, ... by user in the first column of a table, and of 2 in the others; items likewise.
  for (const Segment* table : {&of.user_gmf, &of.user_mlp, &of.item_gmf, &of.item_mlp}) {
    const bool user_table = table == &of.user_gmf || table == &of.user_mlp;
    test::edit(context_, p.second_moment(*table), [&](auto& v) {
      for (std::size_t i = 0; i < v.size(); ++i) {
        const auto cols = static_cast<std::size_t>(table->cols);
        const auto number = static_cast<float>(i / cols + (user_table ? range_.first : 0));
        const float root = i % cols == 0 ? 1 + 2 * number : 2;
        v[i] = root * root;
      }
    });
    test::edit(context_, p.first_moment(*table), [](auto& m) { std::ranges::fill(m, 1.0f); });
  }
  {
    const CheckpointDirectory directory(world_, dir_ / "run");
    CheckpointWriter<Device, float> writer(context_, world_, directory, *dataset_, p, range_, 0, 2);
    TrainingState state;
    state.device.step = 77;
    writer.save_run(info(0), state);
    writer.finish();
  }
  world_.barrier();
  const ModelShape other{3, 4, shape.factors, shape.layers};
  Parameters<Device, float> q(context_, other, 3);
  q.initialise(context_, 6, 0);
  const auto state =
      load_optimizer(context_, saved_runs(dir_ / "run").at(0), q, {{no_row, 19, no_row}, {3, 0, no_row, 1}});
  ASSERT_TRUE(state);
  EXPECT_EQ(state->step, 77);
  const auto expect_row = [&](const Segment& table, std::int64_t row, float first_root, float first_moment) {
    const auto v = test::fetch(context_, q.second_moment(table)),
               m = test::fetch(context_, q.first_moment(table));
    const auto first = static_cast<std::size_t>(row * table.cols);
    EXPECT_FLOAT_EQ(v[first], first_root * first_root) << table.name << " " << row;
    EXPECT_FLOAT_EQ(v[first + static_cast<std::size_t>(table.cols) - 1], 4) << table.name << " " << row;
    EXPECT_EQ(m[first], first_moment) << table.name << " " << row;
  };
  for (const Segment* table : {&q.layout().user_gmf, &q.layout().user_mlp}) {
    expect_row(*table, 0, users, 0);  // the mean of 1, 3, ..., 39
    expect_row(*table, 1, 39, 1);
    expect_row(*table, 2, users, 0);
  }
  for (const Segment* table : {&q.layout().item_gmf, &q.layout().item_mlp}) {
    expect_row(*table, 0, 7, 1);
    expect_row(*table, 1, 1, 1);
    expect_row(*table, 2, items, 0);
  }
}

TEST_F(Checkpoint, MatchesRowsByOriginalId) {
  save(5, 1);
  const auto same = match_weights(dir_ / "run/best.h5", *dataset_);
  EXPECT_TRUE(same.complete());
  EXPECT_FALSE(same.by_position);
  EXPECT_EQ(same.rows({3, 6}).users, (std::vector<std::uint32_t>{3, 4, 5}));
  // Another data set: more items, and fewer users.
  if (world_.is_root()) {
    std::filesystem::create_directory(dir_ / "other");
    test::write_dataset(dir_ / "other", test::toy_data(4, 9, 2, 2), 9, 1);
  }
  world_.barrier();
  const auto other = match_weights(dir_ / "run/best.h5", Dataset::open(dir_ / "other"));
  EXPECT_EQ(other.users.missing, 0u);
  EXPECT_EQ(other.items.missing, 3u);
  EXPECT_EQ(other.items.first_missing, "item 6");
  EXPECT_EQ(other.users_there, users);
  EXPECT_THAT(other.rows({0, 4}).items, testing::ElementsAre(0, 1, 2, 3, 4, 5, no_row, no_row, no_row));
}

// A model whose weights have overflowed never takes the place of another.
TEST_F(Checkpoint, RefusesWhatIsNotFinite) {
  save(5, 1);
  auto p = parameters(range_, 7);
  if (world_.rank() == world_.size() - 1)
    edit(context_, p.weight(p.layout().user_mlp), [](auto& weights) { weights[3] = INFINITY; });
  {
    const CheckpointDirectory directory(world_, dir_ / "run");
    CheckpointWriter<Device, float> writer(context_, world_, directory, *dataset_, p, range_, 0, 2);
    EXPECT_THAT(
        [&] { writer.save_best(info(2)); },
        ThrowsMessage<CollectiveError>(HasSubstr("/model/user_mlp holds a value that is not a finite")));
  }
  EXPECT_EQ(read_checkpoint_info(dir_ / "run/best.h5").epoch, 1);
}

TEST_F(Checkpoint, ReplacesAnEarlierRunOnlyWhenAsked) {
  save(5, 1);
  EXPECT_THAT([&] { CheckpointDirectory(world_, dir_ / "run", ExistingModel::refused); },
              ThrowsMessage<CollectiveError>(HasSubstr("holds the model of an earlier run (best.h5)")));
  EXPECT_NO_THROW(CheckpointDirectory(world_, dir_ / "run", ExistingModel::replaced));
  EXPECT_NO_THROW(CheckpointDirectory(world_, dir_ / "empty", ExistingModel::refused));
}

TEST_F(Checkpoint, CarriesTheOriginalIds) {
  save(5, 1);
  const auto file = hdf5::File::open(dir_ / "run/best.h5");
  EXPECT_EQ(file.read_strings(layout::user_ids).at(3), "103");
  EXPECT_EQ(file.read_strings(layout::item_ids).at(1), "item 1");
}

TEST_F(Checkpoint, ReplacesAnEarlierOneAndItsParts) {
  save(5, 1);
  save(7, 2);
  auto expected = parameters(range_, 7), loaded = parameters(range_, 6);
  load_checkpoint(context_, dir_ / "run/best.h5", loaded, WeightRows::in_order(range_, items));
  EXPECT_EQ(fetch(context_, expected.weights()), fetch(context_, loaded.weights()));
  world_.barrier();
  EXPECT_EQ(files("best"), 1 + world_.size());  // the master and one part per rank
}

TEST_F(Checkpoint, KeepsTheEarlierOneIfSavingFails) {
  save(5, 1);
  // A directory where the new master's temporary file should be: writing fails on rank 0, after the parts.
  if (world_.is_root()) std::filesystem::create_directory(dir_ / "run/best.h5.tmp");
  world_.barrier();
  EXPECT_THROW(save(7, 2), CollectiveError);
  auto expected = parameters(range_, 5), loaded = parameters(range_, 6);
  load_checkpoint(context_, dir_ / "run/best.h5", loaded, WeightRows::in_order(range_, items));
  EXPECT_EQ(fetch(context_, expected.weights()), fetch(context_, loaded.weights()));
}

// A run that is saved in one place and goes on in another: weights, moments and state.
TEST_F(Checkpoint, CarriesARun) {
  auto p = parameters(range_, 5);
  TrainingState state;
  state.epoch = 2;
  state.update = 7;
  state.device.step = 19;
  state.device.skipped = 3;
  state.device.loss_scale = 512.0f;
  state.device.good_steps = 11;
  state.device.loss = 0.25 + world_.rank();
  state.seconds = 12.5;
  state.history = {{1, 0.5, 0.4, 0.3, 0.2, 1, 2, 3, 4, 5, true},
                   {2, 0.4, 0.3, 0.4, 0.3, 1, 2, 3, 4, 10, true}};
  const CheckpointDirectory directory(world_, dir_ / "run");
  CheckpointWriter<Device, float> writer(context_, world_, directory, *dataset_, p, range_, 0, 2);
  const std::vector<float> before = fetch(context_, p.weights());
  for (const auto& [moments, factor] :
       {std::pair(p.first_moments(), 2.0f), std::pair(p.second_moments(), 3.0f)})
    edit(context_, moments, [&before, factor = factor](auto& values) {
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = factor * before[i];
    });
  writer.save_run(info(2), state);
  ops::fill_zero(context_, p.weights());  // training goes on while the snapshot is written
  writer.finish();

  const auto runs = saved_runs(dir_ / "run");
  ASSERT_EQ(runs.size(), 1);
  auto loaded = parameters(range_, 6);
  const auto same = load_training_state(context_, runs[0], loaded, WeightRows::in_order(range_, items),
                                        world_.rank(), world_.size());
  const auto weights = fetch(context_, loaded.weights()), m = fetch(context_, loaded.first_moments()),
             v = fetch(context_, loaded.second_moments());
  for (std::size_t i = 0; i < before.size(); ++i) {
    ASSERT_EQ(weights[i], before[i]);
    ASSERT_EQ(m[i], 2 * before[i]);
    ASSERT_EQ(v[i], 3 * before[i]);
  }
  EXPECT_EQ(same.epoch, 2);
  EXPECT_EQ(same.update, 7);
  EXPECT_EQ(same.device.step, 19);
  EXPECT_EQ(same.device.skipped, 3);
  EXPECT_EQ(same.device.loss_scale, 512.0f);
  EXPECT_EQ(same.device.good_steps, 11);
  EXPECT_EQ(same.device.loss, 0.25 + world_.rank());
  EXPECT_EQ(same.seconds, 12.5);
  ASSERT_EQ(same.history.size(), 2);
  EXPECT_EQ(same.history[1].hit_rate, 0.4);
  EXPECT_EQ(same.history[1].seconds_since_start, 10);
  // On another number of ranks, the first gets what all had.
  const int others = world_.size() + 1;
  double all = 0;
  for (int rank = 0; rank < world_.size(); ++rank) all += 0.25 + rank;
  auto whole = parameters({0, users}, 6);
  EXPECT_EQ(load_training_state(context_, runs[0], whole, WeightRows::in_order({0, users}, items), 0, others)
                .device.loss,
            all);
  EXPECT_EQ(load_training_state(context_, runs[0], whole, WeightRows::in_order({0, users}, items), 1, others)
                .device.loss,
            0);
}

// A run that began with a pre-trained model, evaluated over the whole catalogue.
TEST_F(Checkpoint, CarriesAllMetricsOfARun) {
  auto p = parameters(range_, 5);
  TrainingState state;
  state.epoch = 1;
  state.history.resize(2);
  for (int epoch = 0; epoch < 2; ++epoch) {
    EpochReport& report = state.history[static_cast<std::size_t>(epoch)];
    report.epoch = epoch;
    report.learning_rate = 0.5 * epoch;
    if (epoch == 1) report.full = Ranking{{{10, 0.25, 0.125}, {20, 0.5, 0.25}}, 0.0625};
  }
  auto described = info(1);
  described.full = state.history.back().full;
  const CheckpointDirectory directory(world_, dir_ / "run");
  CheckpointWriter<Device, float> writer(context_, world_, directory, *dataset_, p, range_, 0, 2);
  writer.save_run(described, state);
  writer.finish();
  const auto run = saved_runs(dir_ / "run").at(0);
  const auto same = load_training_state(context_, run, p, WeightRows::in_order(range_, items), world_.rank(),
                                        world_.size());
  ASSERT_EQ(same.history.size(), 2);
  EXPECT_EQ(same.history[0].epoch, 0);
  EXPECT_FALSE(same.history[0].full);
  EXPECT_EQ(same.history[1].epoch, 1);
  EXPECT_EQ(same.history[1].learning_rate, 0.5);
  // At the first K.
  EXPECT_EQ(same.history[1].target(), 0.25);
  EXPECT_EQ(same.history[1].full->at.at(0).ndcg, 0.125);
  EXPECT_EQ(same.history[1].full->mrr, 0.0625);
  EXPECT_EQ(read_checkpoint_info(run).full->mrr, 0.0625);
}

TEST_F(Checkpoint, KeepsTheLastRuns) {
  auto p = parameters(range_, 5);
  {
    const CheckpointDirectory directory(world_, dir_ / "run");
    CheckpointWriter<Device, float> writer(context_, world_, directory, *dataset_, p, range_, 0, 2);
    for (int i = 0; i < 4; ++i) writer.save_run(info(1), {});
    writer.save_best(info(1));
    writer.finish();
    EXPECT_EQ(writer.saves(), 5);
  }
  world_.barrier();
  const auto runs = saved_runs(dir_ / "run");
  ASSERT_EQ(runs.size(), 2);
  EXPECT_EQ(runs[0].filename(), "checkpoint-000004.h5");
  EXPECT_EQ(runs[1].filename(), "checkpoint-000003.h5");
  EXPECT_EQ(files("checkpoint"), 2 * (1 + world_.size()));
  EXPECT_EQ(files("best"), 1 + world_.size());
  world_.barrier();
  // Another run goes on counting, and clears away what one that was killed has left.
  if (world_.is_root()) {
    std::ofstream(dir_ / "run/checkpoint-000005.abc.part-0000-of-0002.h5") << "x";
    std::ofstream(dir_ / "run/checkpoint-000005.h5.tmp") << "x";
    std::ofstream(dir_ / "run/notes.txt") << "x";
  }
  world_.barrier();
  const CheckpointDirectory directory(world_, dir_ / "run");
  CheckpointWriter<Device, float> writer(context_, world_, directory, *dataset_, p, range_, 0, 1);
  EXPECT_EQ(files("checkpoint"), 2 * (1 + world_.size()));
  EXPECT_EQ(files("notes"), 1);
  writer.save_run(info(1), {});
  writer.finish();
  world_.barrier();
  EXPECT_EQ(saved_runs(dir_ / "run").at(0).filename(), "checkpoint-000005.h5");
  EXPECT_EQ(files("checkpoint"), 1 + world_.size());
}

TEST_F(Checkpoint, SavesNoValuesThatAreNotFinite) {
  auto p = parameters(range_, 5);
  edit(context_, p.weight(p.layout().item_gmf), [](auto& weights) { weights[3] = std::nanf(""); });
  const CheckpointDirectory directory(world_, dir_ / "run");
  CheckpointWriter<Device, float> writer(context_, world_, directory, *dataset_, p, range_, 0, 2);
  EXPECT_THAT(
      [&] {
        writer.save_best(info(1));
        writer.finish();
      },
      ThrowsMessage<Error>(HasSubstr("item_gmf holds a value that is not a finite number")));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "run/best.h5"));
}

TEST_F(Checkpoint, RefusesValuesThatAreNotFinite) {
  save(5, 1);
  world_.barrier();
  if (world_.is_root()) {
    const hid_t file = H5Fopen((dir_ / "run/best.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t weights = H5Dopen2(file, "/model/item_gmf", H5P_DEFAULT);
    const auto p = parameters(range_, 5);
    std::vector<float> values(static_cast<std::size_t>(p.layout().item_gmf.size()), 0.5f);
    values[3] = std::nanf("");
    EXPECT_GE(H5Dwrite(weights, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
    H5Dclose(weights);
    H5Fclose(file);
  }
  world_.barrier();
  auto p = parameters(range_, 6);
  EXPECT_THAT(
      [&] { load_checkpoint(context_, dir_ / "run/best.h5", p, WeightRows::in_order(range_, items)); },
      ThrowsMessage<Error>(HasSubstr("item_gmf holds a value that is not a finite number")));
}

TEST_F(Checkpoint, SaysWhatIsWrongWithAFile) {
  save(5, 1);
  EXPECT_THAT([&] { read_checkpoint_info(dir_ / "none.h5"); },
              ThrowsMessage<Error>(HasSubstr("no such file")));
  EXPECT_THAT([&] { read_checkpoint_info(dir_ / layout::dataset_file); },
              ThrowsMessage<Error>(HasSubstr("not a neumf checkpoint")));
  world_.barrier();
  if (world_.is_root()) {
    for (const auto& entry : std::filesystem::directory_iterator(dir_ / "run"))
      if (entry.path().filename().string().find(".part-0000") != std::string::npos)
        std::filesystem::remove(entry.path());
  }
  world_.barrier();
  auto p = parameters(range_, 6);
  EXPECT_THAT(
      [&] { load_checkpoint(context_, dir_ / "run/best.h5", p, WeightRows::in_order(range_, items)); },
      ThrowsMessage<Error>(HasSubstr("part-0000")));
}

}  // namespace
}  // namespace neumf
