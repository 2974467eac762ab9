// The rules of the split, one by one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "support.hpp"

namespace neumf::test {
namespace {

using preprocess::FormatName;
using testing::ElementsAre;
using testing::IsEmpty;

const std::string header = "user_id,item_id,timestamp\n";

TEST(Rules, LatestIsHeldOutAndTheRestIsAscending) {
  const Data data = run_text(header + "1,d,30\n1,c,40\n1,b,10\n1,a,20\n");
  EXPECT_EQ(data.test_of("1"), "c");
  EXPECT_THAT(data.train, ElementsAre(ElementsAre(0, 2, 3)));
}

TEST(Rules, TiesInTimeKeepTheOrderOfTheFile) {
  EXPECT_EQ(run_text(header + "1,a,4\n1,b,5\n1,c,5\n").test_of("1"), "c");
  EXPECT_EQ(run_text(header + "1,c,4\n1,b,5\n1,a,5\n").test_of("1"), "a");
  EXPECT_EQ(run_text(header + "1,a,6\n1,b,6\n1,c,5\n").test_of("1"), "b");
}

TEST(Rules, DecimalTimesDecide) {
  EXPECT_EQ(run_text(header + "1,a,5.30\n1,b,5.299999999\n1,c,5\n").test_of("1"), "a");
}

TEST(Rules, AnyRatingIsPositive) {
  const Data data = run_text("1::10::0::1\n1::20::5::2\n1::30::-1::3\n", FormatName::ml_1m);
  EXPECT_THAT(data.train_of("1"), ElementsAre("10", "20"));
}

// The earliest of the repeated rows stays: `a` was seen first at time 1, so it is not the latest.
TEST(Rules, DuplicatesKeepTheEarliest) {
  const Data data = run_text(header + "1,a,9\n1,b,5\n1,a,1\n1,c,3\n");
  EXPECT_EQ(data.test_of("1"), "b");
  EXPECT_THAT(data.train_of("1"), ElementsAre("a", "c"));
}

TEST(Rules, DuplicatesOfOthersAreNoDuplicates) {
  const Data data = run_text(header + "1,a,1\n2,a,1\n1,b,2\n2,b,2\n");
  EXPECT_THAT(data.train_of("1"), ElementsAre("a"));
  EXPECT_THAT(data.train_of("2"), ElementsAre("a"));
}

TEST(Rules, MinRatingsCountsRowsBeforeDuplicatesCollapse) {
  const Data data = run_text(header + "1,a,1\n1,a,2\n1,b,3\n2,a,1\n2,b,2\n", FormatName::automatic, 3);
  EXPECT_THAT(data.users, ElementsAre("1"));
  EXPECT_THAT(data.train_of("1"), ElementsAre("a"));
}

TEST(Rules, IdsByFirstAppearanceAmongTheRemainingRows) {
  // User 5 is dropped, and item x, which only he has, with him; item b is numbered where user 9 has it.
  const Data data =
      run_text(header + "5,x,1\n5,b,2\n9,a,1\n3,c,7\n9,b,2\n9,c,3\n3,b,1\n3,a,2\n", FormatName::automatic, 3);
  EXPECT_THAT(data.users, ElementsAre("9", "3"));
  EXPECT_THAT(data.items, ElementsAre("a", "c", "b"));
}

TEST(Rules, AUserWithOneItemHasNoTraining) {
  const Data data = run_text(header + "1,a,1\n2,a,1\n2,b,2\n");
  EXPECT_THAT(data.train, ElementsAre(IsEmpty(), ElementsAre(0)));
  EXPECT_THAT(data.test, ElementsAre(0, 1));
}

TEST(Rules, OnlyUsersWithOneItem) {
  const Data data = run_text(header + "1,a,1\n2,b,1\n");
  EXPECT_THAT(data.train, ElementsAre(IsEmpty(), IsEmpty()));
}

// Many repeated items and equal times, on one and on three threads, against the rules as they are written:
// sort all rows by time, keep the first of equal items, hold out the last.
TEST(Rules, AsSortingByTimeWouldHaveIt) {
  struct Row {
    int user, item, time;
  };
  std::mt19937 random(5);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::vector<Row> rows;
  std::string text = header;
  for (int i = 0; i < 3000; ++i) {
    rows.push_back({below(40), below(30), below(25)});
    text += fmt::format("{},{},{}\n", rows.back().user, rows.back().item, rows.back().time);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.time < b.time; });
  std::map<int, std::vector<std::string>> expected;
  std::set<std::pair<int, int>> seen;
  for (const Row& row : rows)
    if (seen.emplace(row.user, row.item).second) expected[row.user].push_back(std::to_string(row.item));

  const TemporaryDirectory directory;
  write_text(directory / "r.csv", text);
  for (const std::size_t threads : {1, 3}) {
    auto options = small_options(directory / "r.csv", directory / "out");
    options.threads = threads;
    options.overwrite = true;
    options.reading.time_column = "timestamp";  // few values, but meant
    const Data data = run(options);
    ASSERT_EQ(data.users.size(), expected.size());
    for (auto [user, items] : expected) {
      EXPECT_EQ(data.test_of(std::to_string(user)), items.back()) << "user " << user;
      items.pop_back();
      EXPECT_THAT(data.train_of(std::to_string(user)), testing::UnorderedElementsAreArray(items))
          << "user " << user;
    }
  }
}

TEST(Rules, Attributes) {
  const TemporaryDirectory directory;
  write_text(directory / "r.csv", header + "5,x,1\n9,a,1\n9,b,2\n9,b,3\n9,c,4\n");
  auto options = small_options(directory / "r.csv", directory / "out");
  options.min_ratings = 2;
  options.seed = 77;
  run(options);
  const auto file = open_master(directory / "out");
  EXPECT_EQ(file.int_attribute("format_version"), 1);
  EXPECT_EQ(file.int_attribute("users"), 1);
  EXPECT_EQ(file.int_attribute("items"), 3);
  EXPECT_EQ(file.int_attribute("interactions"), 5);
  EXPECT_EQ(file.int_attribute("positives"), 2);
  EXPECT_EQ(file.int_attribute("dropped_users"), 1);
  EXPECT_EQ(file.int_attribute("dropped_interactions"), 1);
  EXPECT_EQ(file.int_attribute("duplicates"), 1);
  EXPECT_EQ(file.int_attribute("dropped_items"), 1);
  EXPECT_EQ(file.string_attribute("columns"),
            "user: column 'user_id', item: column 'item_id', time: column 'timestamp'");
  EXPECT_EQ(file.string_attribute("held_out"), "latest");
  EXPECT_EQ(file.int_attribute("valid_negative"), 2);
  EXPECT_EQ(file.int_attribute("shards"), 1);
  EXPECT_EQ(file.int_attribute("seed"), 77);
  EXPECT_EQ(file.string_attribute("source"), "r.csv");
  EXPECT_EQ(file.string_attribute("source_xxh128"), "3edef43f694077f62800e9273b597f57");
  EXPECT_EQ(file.string_attribute("options"),
            "--format=csv --min_ratings=2 --valid_negative=2 --seed=77 --shards=1");
  EXPECT_EQ(file.string_attribute("dataset_id").size(), 32u);
}

}  // namespace
}  // namespace neumf::test
