#include "neumf/train/checkpoint.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "neumf/core/error.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/data/layout.hpp"
#include "temporary_directory.hpp"

namespace neumf {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::uint64_t users = 20, items = 6;
const ModelShape shape{users, items, 3, {8, 5, 4}};

// The least data set that Dataset::open accepts.
void write_dataset(const std::filesystem::path& dir) {
  std::vector<std::uint32_t> counts(users, 1), item(users, 2), negatives(2 * users, 3);
  auto shard = hdf5::File::create(dir / layout::shard_file(0, 1));
  shard.set_attribute("format_version", layout::format_version);
  shard.set_attribute("dataset_id", std::string("toy"));
  shard.write(layout::train_counts, counts);
  shard.write(layout::train_items, item);
  shard.write(layout::test_items, item);
  shard.write<std::uint32_t>(layout::test_negatives, negatives, {users, 2});
  shard.close();
  auto file = hdf5::File::create(dir / layout::dataset_file);
  file.set_attribute("format_version", layout::format_version);
  file.set_attribute("dataset_id", std::string("toy"));
  for (const auto& [name, value] : {std::pair{"users", users},
                                    {"items", items},
                                    {"positives", users},
                                    {"valid_negative", std::uint64_t{2}},
                                    {"shards", std::uint64_t{1}}})
    file.set_attribute(name, static_cast<std::int64_t>(value));
  file.write(layout::shard_first_user, std::vector<std::uint64_t>{0, users});
  std::vector<std::int64_t> ids(users);
  for (std::size_t u = 0; u < users; ++u) ids[u] = static_cast<std::int64_t>(100 + u);
  file.write(layout::user_ids, ids);
  file.write_strings(layout::item_ids, {"a", "b", "c", "d", "e", "f"});
  file.close();
}

class Checkpoint : public testing::Test {
 protected:
  Checkpoint() {
    // All ranks use rank 0's directory.
    if (world_.is_root()) own_ = std::make_unique<test::TemporaryDirectory>();
    dir_ = world_.broadcast(own_ ? own_->path().string() : "");
    if (world_.is_root()) write_dataset(dir_);
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
  EXPECT_EQ(file.read_strings(layout::item_ids).at(1), "b");
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
