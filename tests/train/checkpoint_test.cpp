#include "neumf/train/checkpoint.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "dataset_files.hpp"
#include "neumf/core/error.hpp"
#include "temporary_directory.hpp"

namespace neumf {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::uint32_t users = 20, items = 6;
const ModelShape shape{users, items, 3, {8, 5, 4}};

class Checkpoint : public testing::Test {
 protected:
  Checkpoint() {
    // All ranks use rank 0's directory.
    if (world_.is_root()) own_ = std::make_unique<test::TemporaryDirectory>();
    dir_ = world_.broadcast(own_ ? own_->path().string() : "");
    if (world_.is_root()) test::write_dataset(dir_, test::toy_data(users, items, 2, 2), items, 1);
    world_.barrier();
    dataset_.emplace(Dataset::open(dir_));
    range_ = dataset_->user_range(world_.rank(), world_.size());
  }
  ~Checkpoint() override { world_.barrier(); }

  Parameters<Cpu, float> parameters(const UserRange& range, std::uint64_t seed) {
    Parameters<Cpu, float> p(context_, shape, static_cast<std::int64_t>(range.size()));
    p.initialise(context_, seed, range.first);
    return p;
  }
  void save(std::uint64_t seed, int epoch) {
    auto p = parameters(range_, seed);
    const CheckpointInfo info{shape, dataset_->id(), epoch, 0.5, 0.25, 10, "epochs = 3\n"};
    save_checkpoint(context_, world_, dir_ / "run", "best", info, *dataset_, p, range_, 0);
  }

  Communicator world_ = Communicator::world();
  std::unique_ptr<test::TemporaryDirectory> own_;
  std::filesystem::path dir_;
  Context<Cpu> context_{1};
  std::optional<Dataset> dataset_;
  UserRange range_;
};

TEST_F(Checkpoint, LoadsOnAnyUsers) {
  save(5, 3);
  const auto info = read_checkpoint_info(dir_ / "run/best.h5");
  EXPECT_EQ(info.epoch, 3);
  EXPECT_EQ(info.hit_rate, 0.5);
  EXPECT_EQ(info.shape.layers, shape.layers);
  EXPECT_EQ(info.options, "epochs = 3\n");
  // As if read by another number of ranks: all users, and some in the middle of two parts.
  for (const UserRange range : {UserRange{0, users}, UserRange{4, 17}, UserRange{19, 20}}) {
    auto expected = parameters(range, 5), loaded = parameters(range, 6);
    load_checkpoint(context_, dir_ / "run/best.h5", loaded, range, 0);
    EXPECT_TRUE(std::ranges::equal(expected.weights(), loaded.weights()));
  }
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
  load_checkpoint(context_, dir_ / "run/best.h5", loaded, range_, 0);
  EXPECT_TRUE(std::ranges::equal(expected.weights(), loaded.weights()));
  world_.barrier();
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_ / "run"))
    files += entry.is_regular_file();
  EXPECT_EQ(files, 1 + world_.size());  // the master and one part per rank
}

TEST_F(Checkpoint, KeepsTheEarlierOneIfSavingFails) {
  save(5, 1);
  // A directory where the new master's temporary file should be: writing fails on rank 0, after the parts.
  if (world_.is_root()) std::filesystem::create_directory(dir_ / "run/best.h5.tmp");
  world_.barrier();
  EXPECT_THROW(save(7, 2), CollectiveError);
  auto expected = parameters(range_, 5), loaded = parameters(range_, 6);
  load_checkpoint(context_, dir_ / "run/best.h5", loaded, range_, 0);
  EXPECT_TRUE(std::ranges::equal(expected.weights(), loaded.weights()));
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
  EXPECT_THAT([&] { load_checkpoint(context_, dir_ / "run/best.h5", p, range_, 0); },
              ThrowsMessage<Error>(HasSubstr("part-0000")));
}

}  // namespace
}  // namespace neumf
