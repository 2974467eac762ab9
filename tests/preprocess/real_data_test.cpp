// The published sizes of the real data sets. Skipped where the files are not at hand: set NEUMF_TEST_DATA to
// a folder with ml-1m.csv.gz, ml-1m.zip, ml-20m.zip, ml-100k.zip or ml-100k-u.data.gz.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "preprocess.hpp"
#include "support.hpp"

namespace neumf::test {
namespace {

struct Known {
  std::vector<const char*> files;  // any of these
  std::size_t users, items;
  std::int64_t interactions;
};

class RealData : public testing::TestWithParam<Known> {};

std::filesystem::path find_file(const std::vector<const char*>& names) {
  std::vector<std::filesystem::path> folders;
  if (const char* folder = std::getenv("NEUMF_TEST_DATA")) folders.emplace_back(folder);
  folders.emplace_back(NEUMF_DATA_DIRECTORY);
  for (const auto& folder : folders)
    for (const char* name : names)
      if (std::filesystem::exists(folder / name)) return folder / name;
  return {};
}

TEST_P(RealData, PublishedSizes) {
  const Known& known = GetParam();
  const auto input = find_file(known.files);
  if (input.empty())
    GTEST_SKIP() << known.files.front() << " is not at hand; set NEUMF_TEST_DATA to its folder";
  const TemporaryDirectory directory;
  preprocess::Options options;
  options.inputs = {input};
  options.output = directory / "out";
  options.shards = 3;
  options.threads = 2;
  const Data data = run(options);
  EXPECT_EQ(data.users.size(), known.users);
  EXPECT_EQ(data.items.size(), known.items);
  const auto file = open_master(options.output);
  EXPECT_EQ(file.int_attribute("interactions"), known.interactions);
  EXPECT_EQ(file.int_attribute("positives"), known.interactions - static_cast<std::int64_t>(known.users));
  EXPECT_EQ(file.int_attribute("duplicates"), 0);
  for (std::size_t user = 0; user < data.users.size(); ++user) {
    const auto& train = data.train[user];
    ASSERT_GE(train.size(), 19u);
    ASSERT_TRUE(std::is_sorted(train.begin(), train.end()));
    ASSERT_FALSE(std::binary_search(train.begin(), train.end(), data.test[user]));
    ASSERT_EQ(data.negatives[user].size(), 100u);
    for (const auto item : data.negatives[user]) {
      ASSERT_LT(item, known.items);
      ASSERT_FALSE(std::binary_search(train.begin(), train.end(), item));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(MovieLens, RealData,
                         testing::Values(Known{{"ml-1m.csv.gz"}, 6'040, 3'706, 1'000'209},
                                         Known{{"ml-1m.zip"}, 6'040, 3'706, 1'000'209},
                                         Known{{"ml-100k-u.data.gz", "ml-100k.zip"}, 943, 1'682, 100'000},
                                         Known{{"ml-20m.zip"}, 138'493, 26'744, 20'000'263}));

}  // namespace
}  // namespace neumf::test
