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
        EXPECT_EQ(shard.test_items, expected.test_items);
        EXPECT_EQ(shard.test_negatives, expected.test_negatives);
        positives += shard.items.size();
      }
      EXPECT_EQ(next_user, users);
      EXPECT_EQ(positives, whole_.items.size());
    }
  }
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
  write(2, layout::format_version + 1);
  expect_error("data set format version 2, but this program reads version 1: run neumf-preprocess again");
}

TEST_F(DatasetTest, RefusesItemsOutOfRange) {
  const auto at = whole_.offsets[4] - 1;  // the last and largest of user 3
  whole_.items[at] = items;
  write(2);
  expect_error("/train/items holds item 20, but the data set has 20 items");
}

TEST_F(DatasetTest, RefusesTestItemsOutOfRange) {
  whole_.test_items[12] = items + 1;
  write(2);
  expect_error("/test/items holds item 21");
  whole_.test_items[12] = 0;
  whole_.test_items.back() = items;
  write(5);
  expect_error("shard-0004-of-0005.h5: /test/items holds item 20");
  whole_.test_items.back() = 0;
  whole_.test_negatives.back() = 100;
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
