// Shards, reproducibility, and what is left when a run fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "neumf/core/error.hpp"
#include "neumf/data/layout.hpp"
#include "output_directory.hpp"
#include "preprocess.hpp"
#include "support.hpp"

namespace neumf::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  if (fs::exists(directory))
    for (const auto& entry : fs::directory_iterator(directory))
      names.push_back(entry.path().filename().string());
  return names;
}

class Output : public testing::Test {
 protected:
  Output() {
    options_.synthetic = "50x80x2000";
    options_.output = directory_ / "out";
    options_.threads = 2;
  }
  TemporaryDirectory directory_;
  preprocess::Options options_;
};

TEST_F(Output, ShardsJoinToTheSingleShard) {
  const Data whole = run(options_);
  for (const std::size_t shards : {2u, 3u, 50u}) {
    options_.shards = shards;
    options_.output = directory_ / std::to_string(shards);
    EXPECT_EQ(run(options_), whole);
    const auto master = open_master(options_.output);
    const auto bounds = master.read<std::uint64_t>(layout::shard_first_user);
    const auto positives = master.read<std::uint64_t>(layout::shard_positives);
    const auto counts = master.read<std::uint32_t>(layout::train_counts);
    EXPECT_EQ(bounds, layout::balanced_user_ranges(counts, shards));
    ASSERT_EQ(positives.size(), shards);
    for (std::size_t shard = 0; shard < shards; ++shard) {
      const auto file = hdf5::File::open(options_.output / layout::shard_file(shard, shards));
      EXPECT_EQ(file.string_attribute("dataset_id"), master.string_attribute("dataset_id"));
      EXPECT_EQ(file.int_attribute("shard"), static_cast<std::int64_t>(shard));
      EXPECT_EQ(file.int_attribute("shards"), static_cast<std::int64_t>(shards));
      EXPECT_EQ(file.int_attribute("first_user"), static_cast<std::int64_t>(bounds[shard]));
      EXPECT_EQ(file.int_attribute("users"), static_cast<std::int64_t>(bounds[shard + 1] - bounds[shard]));
      EXPECT_EQ(file.dims(layout::train_items).at(0), positives[shard]);
      EXPECT_EQ(
          std::accumulate(counts.begin() + static_cast<std::ptrdiff_t>(bounds[shard]),
                          counts.begin() + static_cast<std::ptrdiff_t>(bounds[shard + 1]), std::uint64_t{0}),
          positives[shard]);
    }
  }
}

TEST_F(Output, MoreShardsThanUsers) {
  options_.shards = 51;
  EXPECT_THAT(error_of(options_), HasSubstr("50 users"));
  EXPECT_FALSE(fs::exists(options_.output));
}

TEST_F(Output, TheSameForAnyNumberOfThreads) {
  std::string text = "user_id,item_id,timestamp\n";
  for (std::uint64_t i = 0; i < 200'000; ++i)
    text += fmt::format("{},{},{}\n", i * 7919 % 1009, i * 104'729 % 499, i * 31 % 1000);
  write_text(directory_ / "r.csv", text);
  auto options = small_options(directory_ / "r.csv", directory_ / "one");
  const Data one = run(options);
  const auto id = open_master(options.output).string_attribute("dataset_id");
  for (const std::size_t threads : {2u, 5u}) {
    options.threads = threads;
    options.output = directory_ / std::to_string(threads);
    EXPECT_EQ(run(options), one);
    EXPECT_EQ(open_master(options.output).string_attribute("dataset_id"), id);
  }
  options.output = directory_ / "other";
  options.seed = 2;
  run(options);
  EXPECT_NE(open_master(options.output).string_attribute("dataset_id"), id);
}

TEST_F(Output, RefusesToReplaceADataSet) {
  const Data first = run(options_);
  options_.seed = 9;
  EXPECT_THAT(error_of(options_), HasSubstr("--overwrite"));
  EXPECT_EQ(read_data(options_.output), first);
  options_.overwrite = true;
  EXPECT_NE(run(options_), first);
}

TEST_F(Output, OverwritingLeavesNoStaleShards) {
  options_.shards = 4;
  run(options_);
  write_text(options_.output / "notes.txt", "mine");
  options_.shards = 2;
  options_.overwrite = true;
  run(options_);
  EXPECT_THAT(names_in(options_.output), UnorderedElementsAre("dataset.h5", "shard-0000-of-0002.h5",
                                                              "shard-0001-of-0002.h5", "notes.txt"));
}

// What a killed run leaves: temporary files, or shards without dataset.h5.
TEST_F(Output, CleansUpAfterAnInterruptedRun) {
  fs::create_directory(options_.output);
  write_text(options_.output / ".shard-0000-of-0009.h5.tmp", "junk");
  write_text(options_.output / ".dataset.h5.tmp", "junk");
  write_text(options_.output / "shard-0000-of-0009.h5", "junk");
  run(options_);
  EXPECT_THAT(names_in(options_.output), UnorderedElementsAre("dataset.h5", "shard-0000-of-0001.h5"));
}

// A folder in the place of the second shard lets the renaming fail half-way.
TEST_F(Output, AFailureWhilePublishingLeavesNothingComplete) {
  options_.shards = 3;
  run(options_);
  fs::remove(options_.output / "shard-0001-of-0003.h5");
  fs::create_directories(options_.output / "shard-0001-of-0003.h5" / "x");
  options_.overwrite = true;
  EXPECT_THAT(error_of(options_), HasSubstr("cannot rename"));
  EXPECT_THAT(names_in(options_.output), UnorderedElementsAre("shard-0001-of-0003.h5"));
}

TEST_F(Output, AFailureBeforePublishingKeepsTheOldDataSet) {
  const Data before = run(options_);
  {
    preprocess::OutputDirectory output(options_.output, true);
    write_text(output.temporary("shard-0000-of-0001.h5"), "half");
    EXPECT_EQ(names_in(options_.output).size(), 3u);
  }
  EXPECT_EQ(names_in(options_.output).size(), 2u);
  EXPECT_EQ(read_data(options_.output), before);
}

TEST_F(Output, AFailedRunRemovesTheFolderThatItMade) {
  options_.synthetic.clear();
  options_.inputs = {directory_ / "missing.csv"};
  EXPECT_THAT(error_of(options_), HasSubstr("no such file"));
  EXPECT_FALSE(fs::exists(options_.output));
}

TEST_F(Output, ImpossibleFolders) {
  write_text(directory_ / "file", "x");
  options_.output = directory_ / "file";
  EXPECT_THAT(error_of(options_), HasSubstr("cannot create the directory"));
  options_.output = directory_ / "file" / "below";
  EXPECT_THAT(error_of(options_), HasSubstr("cannot create the directory"));
}

// Read with h5py, a shard that was not copied must not look like users without training items. 256 items and
// a user with 255 of them: the largest numbers of a byte are data, so they cannot stand for what is missing.
TEST_F(Output, AMissingShardReadsAsNumbersThatNoDataHave) {
  std::string text = "user_id,item_id,timestamp\n";
  for (int i = 0; i < 256; ++i) text += fmt::format("a,{0},{0}\n", i);
  for (int i = 0; i < 256; ++i) text += fmt::format("b,{0},{0}\n", i);
  write_text(directory_ / "r.csv", text);
  auto options = small_options(directory_ / "r.csv", directory_ / "out");
  options.shards = 2;
  run(options);
  fs::remove(directory_ / "out" / "shard-0001-of-0002.h5");
  const auto master = open_master(directory_ / "out");
  EXPECT_THAT(master.read<std::uint32_t>(layout::train_counts), testing::ElementsAre(255, UINT16_MAX));
  EXPECT_THAT(master.read<std::uint32_t>(layout::test_items), testing::ElementsAre(255, UINT16_MAX));
  EXPECT_THAT(master.read<std::uint32_t>(layout::test_negatives),
              testing::ElementsAre(255, 255, UINT16_MAX, UINT16_MAX));
  const auto items = master.read<std::uint32_t>(layout::train_items);
  EXPECT_EQ(std::count(items.begin(), items.end(), UINT16_MAX), 255);
}

TEST_F(Output, SmallestIntegerTypes) {
  run(options_);
  EXPECT_LT(fs::file_size(options_.output / "shard-0000-of-0001.h5"), 50u * 100 + 2000 + 50 * 2 + 8192);
}

}  // namespace
}  // namespace neumf::test
