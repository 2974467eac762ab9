#include "neumf/data/dataset.hpp"

#include <gmock/gmock.h>

#include "dataset_files.hpp"
#include "neumf/core/error.hpp"
#include "temporary_directory.hpp"

namespace neumf {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::uint32_t users = 30, items = 20;

class DatasetTest : public testing::Test {
 protected:
  void write(int shards, std::int64_t version = layout::format_version) {
    test::write_dataset(dir_.path(), whole_, items, shards, version);
  }
  void expect_error(const std::string& part) {
    EXPECT_THAT(
        [&] {
          const auto dataset = Dataset::open(dir_.path());
          (void)dataset.load({0, dataset.users()});
        },
        ThrowsMessage<Error>(HasSubstr(part)));
  }

  test::TemporaryDirectory dir_;
  Shard whole_ = test::toy_data(users, items, 5, 4);
};

TEST_F(DatasetTest, AnyRanksReadAnyShards) {
  for (const int shards : {1, 2, 5}) {
    write(shards);
    const auto dataset = Dataset::open(dir_.path());
    EXPECT_EQ(dataset.users(), users);
    EXPECT_EQ(dataset.items(), items);
    EXPECT_EQ(dataset.positives(), whole_.items.size());
    EXPECT_EQ(dataset.valid_negative(), 4u);
    for (const int ranks : {1, 2, 3, 7, 30}) {
      std::uint64_t positives = 0, next_user = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const auto range = dataset.user_range(rank, ranks);
        EXPECT_EQ(range.first, next_user);
        next_user = range.last;
        const Shard shard = dataset.load(range), expected = test::part_of(whole_, rank, ranks);
        EXPECT_EQ(shard.users.first, expected.users.first);
        EXPECT_EQ(shard.first_positive, positives);
        EXPECT_EQ(shard.offsets, expected.offsets);
        EXPECT_EQ(shard.items, expected.items);
        EXPECT_EQ(shard.test.items, expected.test.items);
        EXPECT_EQ(shard.test.negatives, expected.test.negatives);
        positives += shard.items.size();
      }
      EXPECT_EQ(next_user, users);
      EXPECT_EQ(positives, whole_.items.size());
    }
  }
}

TEST_F(DatasetTest, ReadsAnyNumberOfHeldOutItemsAndValidation) {
  whole_ = test::ragged_toy_data(users, items, 5, 4, 4);
  for (const int shards : {1, 3}) {
    write(shards, layout::ragged_format_version);
    const auto dataset = Dataset::open(dir_.path());
    EXPECT_EQ(dataset.test_held_out(), whole_.test.items.size());
    EXPECT_EQ(dataset.valid_held_out(), whole_.valid.items.size());
    for (const int ranks : {1, 2, 7})
      for (int rank = 0; rank < ranks; ++rank) {
        const Shard shard = dataset.load(dataset.user_range(rank, ranks)),
                    expected = test::part_of(whole_, rank, ranks);
        for (const auto part : {&Shard::test, &Shard::valid}) {
          EXPECT_EQ((shard.*part).offsets, (expected.*part).offsets);
          EXPECT_EQ((shard.*part).items, (expected.*part).items);
          EXPECT_EQ((shard.*part).negatives, (expected.*part).negatives);
        }
      }
  }
}

TEST_F(DatasetTest, RefusesDamagedHeldOutItems) {
  whole_ = test::ragged_toy_data(users, items, 5, 4, 4);
  std::size_t user = 0;
  while (whole_.valid.of(user).size() < 2) ++user;
  std::swap(whole_.valid.items[whole_.valid.offsets[user]],
            whole_.valid.items[whole_.valid.offsets[user] + 1]);
  write(2, layout::ragged_format_version);
  expect_error("are not ascending");
  // One held-out item less than the counts have.
  whole_ = test::ragged_toy_data(users, items, 5, 4, 4);
  whole_.valid = {};
  write(1, layout::ragged_format_version);
  auto master = hdf5::File::create(dir_ / layout::dataset_file);
  master.set_attribute("format_version", layout::ragged_format_version);
  master.set_attribute("dataset_id", std::string("toy"));
  for (const auto& [name, value] :
       {std::pair{"users", std::uint64_t{users}}, std::pair{"items", std::uint64_t{items}},
        std::pair{"positives", whole_.items.size()}, std::pair{"valid_negative", std::uint64_t{4}},
        std::pair{"shards", std::uint64_t{1}}, std::pair{"test_held_out", whole_.test.items.size() - 1},
        std::pair{"valid_held_out", std::uint64_t{0}}})
    master.set_attribute(name, static_cast<std::int64_t>(value));
  master.write(layout::shard_first_user, std::vector<std::uint64_t>{0, users});
  master.close();
  expect_error("validation items, but the shards hold");
}

TEST_F(DatasetTest, GivesOriginalIdsAsText) {
  write(2);
  const auto dataset = Dataset::open(dir_.path());
  EXPECT_EQ(dataset.user_ids().at(7), "107");
  EXPECT_EQ(dataset.item_ids().at(19), "item 19");
}

TEST_F(DatasetTest, RefusesMoreRanksThanUsers) {
  write(1);
  const auto dataset = Dataset::open(dir_.path());
  EXPECT_THAT([&] { (void)dataset.user_range(0, users + 1); },
              ThrowsMessage<Error>(HasSubstr("at most 30 ranks")));
}

TEST_F(DatasetTest, RefusesADirectoryWithoutDataSet) {
  expect_error("no data set here");
}

TEST_F(DatasetTest, RefusesAnotherFormatVersion) {
  write(2, layout::ragged_format_version + 1);
  expect_error(
      "data set format version 3, but this program reads versions 1 and 2: run neumf-preprocess again");
}

TEST_F(DatasetTest, RefusesItemsOutOfRange) {
  const auto at = whole_.offsets[4] - 1;  // the last and largest of user 3
  whole_.items[at] = items;
  write(2);
  expect_error("/train/items holds item 20, but the data set has 20 items");
}

TEST_F(DatasetTest, RefusesTestItemsOutOfRange) {
  whole_.test.items[12] = items + 1;
  write(2);
  expect_error("/test/items holds item 21");
  whole_.test.items[12] = 0;
  whole_.test.items.back() = items;
  write(5);
  expect_error("shard-0004-of-0005.h5: /test/items holds item 20");
  whole_.test.items.back() = 0;
  whole_.test.negatives.back() = 100;
  write(2);
  expect_error("/test/negatives holds item 100");
}

TEST_F(DatasetTest, RefusesItemsOutOfOrder) {
  // Negative sampling searches in a user's items.
  std::size_t user = 0;
  while (whole_.offsets[user + 1] - whole_.offsets[user] < 2) ++user;
  std::swap(whole_.items[whole_.offsets[user]], whole_.items[whole_.offsets[user] + 1]);
  write(1);
  expect_error("are not ascending");
}

TEST_F(DatasetTest, RefusesAMissingOrForeignShard) {
  write(3);
  std::filesystem::remove(dir_ / layout::shard_file(1, 3));
  expect_error("shard-0001-of-0003.h5: no such file");
  auto foreign = hdf5::File::create(dir_ / layout::shard_file(1, 3));
  foreign.set_attribute("dataset_id", std::string("another"));
  foreign.close();
  expect_error("belongs to another data set");
}

}  // namespace
}  // namespace neumf
