// What is held out for test and validation, and the negatives that go with it.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "matchers.hpp"
#include "neumf/data/dataset.hpp"
#include "preprocess.hpp"

namespace neumf::test {
namespace {

using preprocess::HoldOut;
using testing::IsEmpty;

const std::string header = "user_id,item_id,timestamp\n";

class Splits : public testing::Test {
 protected:
  Splits() { options_ = small_options(directory_ / "r.csv", directory_ / "out"); }
  Data split(const std::string& rows) {
    write_text(directory_ / "r.csv", header + rows);
    options_.overwrite = true;
    summary_ = preprocess::preprocess(options_);
    return read_data(options_.output);
  }
  std::string error(const std::string& rows) {
    write_text(directory_ / "r.csv", header + rows);
    return error_of(options_);
  }
  std::int64_t version() { return open_master(options_.output).int_attribute("format_version"); }
  std::string attribute(const char* name) { return open_master(options_.output).string_attribute(name); }

  TemporaryDirectory directory_;
  preprocess::Options options_;
  std::string summary_;
};

// Users 0 to 39 with 1 to 30 of 60 items, at times of which many are equal.
std::string random_rows() {
  std::mt19937 random(11);
  std::string text;
  for (int user = 0; user < 40; ++user) {
    std::set<std::uint64_t> items;
    const std::uint64_t count = 1 + random() % 30;
    while (items.size() < count) items.insert(random() % 60);
    for (const auto item : items) text += fmt::format("{},i{},{}\n", user, item, 1000000 + random() % 50);
  }
  return text;
}

TEST_F(Splits, LastAndAValidationBeforeIt) {
  options_.validation = HoldOut::last;
  const Data data = split("1,a,40\n1,b,10\n1,c,30\n1,d,30\n2,a,1\n3,a,2\n3,b,1\n");
  EXPECT_THAT(data.tests_of("1"), ElementsAre("a"));
  EXPECT_THAT(data.valids_of("1"), ElementsAre("d"));  // of one time the last in the file is the latest
  EXPECT_THAT(data.train_of("1"), ElementsAre("b", "c"));
  // The test takes a user's only item, as without validation; the validation leaves one for training.
  EXPECT_THAT(data.tests_of("2"), ElementsAre("a"));
  EXPECT_THAT(data.valids_of("2"), IsEmpty());
  EXPECT_THAT(data.tests_of("3"), ElementsAre("a"));
  EXPECT_THAT(data.valids_of("3"), IsEmpty());
  EXPECT_THAT(data.train_of("3"), ElementsAre("b"));
  EXPECT_EQ(version(), 2);
  EXPECT_EQ(attribute("held_out"), "latest");
  EXPECT_EQ(attribute("validation"), "latest");
  EXPECT_THAT(summary_, AllOf(HasSubstr("held out for the test: 3 items of 3 users (latest)"),
                              HasSubstr("held out for the validation: 1 items of 1 users (latest)"),
                              HasSubstr("2 users have nothing held out there")));
}

// The test items and their negatives are those that there are without validation: figures compare.
TEST_F(Splits, AValidationLeavesTheTestAsItIs) {
  const std::string rows = random_rows();
  options_.valid_negative = 30;
  const Data without = split(rows);
  EXPECT_EQ(version(), 1);
  for (const HoldOut validation : {HoldOut::last, HoldOut::random, HoldOut::ratio}) {
    options_.validation = validation;
    const Data with = split(rows);
    EXPECT_EQ(with.tests, without.tests);
    EXPECT_EQ(with.negatives, without.negatives);
    std::size_t validated = 0;
    for (std::size_t user = 0; user < with.users.size(); ++user) {
      auto all = with.train[user];
      all.insert(all.end(), with.valids[user].begin(), with.valids[user].end());
      std::sort(all.begin(), all.end());
      EXPECT_EQ(all, without.train[user]);
      validated += with.valids[user].size();
      EXPECT_TRUE(with.valids[user].empty() || !with.train[user].empty());
    }
    EXPECT_GT(validated, 30u);
  }
}

TEST_F(Splits, RandomDrawsOneOfEachUser) {
  options_.split = HoldOut::random;
  std::string rows;
  for (int user = 0; user < 2000; ++user)
    for (int item = 0; item < 4; ++item) rows += fmt::format("{},{},{}\n", user, item, 1000000 + user + item);
  const Data data = split(rows);
  EXPECT_EQ(version(), 1);
  EXPECT_EQ(attribute("held_out"), "drawn");
  for (std::uint32_t item = 0; item < 4; ++item)
    EXPECT_NEAR(static_cast<double>(std::count(data.test.begin(), data.test.end(), item)), 500, 100);
  options_.seed = 2;
  EXPECT_NE(split(rows).test, data.test);
}

TEST_F(Splits, RatioHoldsOutTheLatestOfEachUser) {
  options_.split = HoldOut::ratio;
  options_.test_ratio = 0.4;
  options_.validation = HoldOut::ratio;
  options_.validation_ratio = 0.5;
  const Data data = split("1,a,50\n1,b,40\n1,c,10\n1,d,20\n1,e,30\n2,a,1\n2,b,2\n3,c,3\n");
  EXPECT_THAT(data.tests_of("1"), ElementsAre("a", "b"));
  EXPECT_THAT(data.valids_of("1"), ElementsAre("d", "e"));
  EXPECT_THAT(data.train_of("1"), ElementsAre("c"));
  EXPECT_THAT(data.tests_of("2"), ElementsAre("b"));
  EXPECT_THAT(data.tests_of("3"), IsEmpty());  // a share of one item is none
  EXPECT_THAT(data.train_of("3"), ElementsAre("c"));
  EXPECT_EQ(attribute("held_out"), "latest 40 % of each user");
  EXPECT_EQ(open_master(options_.output).int_attribute("test_held_out"), 3);
}

TEST_F(Splits, RatioDrawsWithoutTimes) {
  options_.split = HoldOut::ratio;
  options_.test_ratio = 0.25;
  options_.reading.time = preprocess::TimeSource::none;
  std::string rows;
  for (int user = 0; user < 1000; ++user)
    for (int item = 0; item < 8; ++item) rows += fmt::format("{},{},{}\n", user, item, 1000000 + item);
  const Data data = split(rows);
  std::vector<int> times(8, 0);
  for (const auto& tests : data.tests) {
    ASSERT_EQ(tests.size(), 2u);
    ASSERT_NE(tests[0], tests[1]);
    for (const auto item : tests) ++times[item];
  }
  for (const int count : times) EXPECT_NEAR(count, 250, 60);
  EXPECT_EQ(attribute("held_out"), "drawn 25 % of each user");
}

// 1 - 0.8 is a little less than 0.2: of ten rows eight are held out, not nine.
TEST(TimeOfCut, RoundsTheShareAsRatioDoes) {
  for (const auto& [share, held] :
       {std::pair(0.8, 8), std::pair(0.7, 7), std::pair(0.25, 3), std::pair(0.01, 1)}) {
    std::vector<preprocess::Time> times;
    for (std::int64_t second = 10; second > 0; --second) times.push_back({second, 0});
    EXPECT_EQ(preprocess::time_of_cut(times, share, HeldOutPart::test).seconds, 11 - held) << share;
  }
}

TEST_F(Splits, TimeCutsOnceForAll) {
  options_.split = HoldOut::time;
  options_.test_ratio = 0.3;
  // The latest three of ten begin at time 8, at which there are two. User 4 comes after it, with item z; item
  // y of user 3 as well.
  const Data data = split("1,a,1\n1,b,2\n1,c,8\n2,a,3\n2,c,4\n2,b,8\n3,a,5\n3,b,6\n3,y,9\n4,z,10\n");
  EXPECT_THAT(data.users, ElementsAre("1", "2", "3"));
  EXPECT_THAT(data.items, ElementsAre("a", "b", "c"));
  EXPECT_THAT(data.tests_of("1"), ElementsAre("c"));
  EXPECT_THAT(data.tests_of("2"), ElementsAre("b"));
  EXPECT_THAT(data.tests_of("3"), IsEmpty());
  EXPECT_THAT(data.train_of("3"), ElementsAre("a", "b"));
  EXPECT_THAT(summary_,
              AllOf(HasSubstr("left out 1 users and 2 items that appear only after training ends (2 "
                              "interactions)"),
                    HasSubstr("held out for the test: 2 items of 2 users (all since 8 (the latest 30 % "
                              "of all))"),
                    HasSubstr("1 users have nothing held out there")));
}

// No row of training is later than one of validation, nor that than one of the test; and nothing else is
// gone.
TEST_F(Splits, TimeKnowsNothingOfTheFuture) {
  options_.split = options_.validation = HoldOut::time;
  options_.validation_ratio = 0.2;
  std::mt19937 random(3);
  std::string rows;
  std::map<std::pair<std::string, std::string>, int> time_of;
  for (int i = 0; i < 4000; ++i) {
    const std::string user = std::to_string(random() % 60), item = "i" + std::to_string(random() % 90);
    const int time = 1000000 + static_cast<int>(random() % 3000);
    rows += fmt::format("{},{},{}\n", user, item, time);
    const auto [at, added] = time_of.emplace(std::pair(user, item), time);
    at->second = std::min(at->second, time);
  }
  const Data data = split(rows);
  const auto bounds = [&](const auto& items_of) {
    std::pair<int, int> range{INT32_MAX, 0};
    for (const auto& user : data.users)
      for (const auto& item : items_of(user)) {
        const int time = time_of.at({user, item});
        range = {std::min(range.first, time), std::max(range.second, time)};
      }
    return range;
  };
  const auto train = bounds([&](auto& user) { return data.train_of(user); });
  const auto valid = bounds([&](auto& user) { return data.valids_of(user); });
  const auto test = bounds([&](auto& user) { return data.tests_of(user); });
  EXPECT_LT(train.second, valid.first);
  EXPECT_LT(valid.second, test.first);
  std::size_t kept = 0;
  for (const auto* lists : {&data.train, &data.valids, &data.tests})
    for (const auto& list : *lists) kept += list.size();
  EXPECT_EQ(kept, time_of.size());  // every user and item is there before the cut
  const auto tested = static_cast<double>(open_master(options_.output).int_attribute("test_held_out"));
  EXPECT_NEAR(tested / static_cast<double>(time_of.size()), 0.2, 0.01);
}

TEST_F(Splits, NegativesAreItemsThatTheUserDoesNotHave) {
  options_.split = HoldOut::ratio;
  options_.validation = HoldOut::ratio;
  options_.valid_negative = 300;
  options_.threads = 3;
  const Data data = split(random_rows());
  for (std::size_t user = 0; user < data.users.size(); ++user) {
    const std::set<std::uint32_t> train(data.train[user].begin(), data.train[user].end()),
        valid(data.valids[user].begin(), data.valids[user].end()),
        test(data.tests[user].begin(), data.tests[user].end());
    std::set<std::uint32_t> test_negatives(data.negatives[user].begin(), data.negatives[user].end()),
        valid_negatives(data.valid_negatives[user].begin(), data.valid_negatives[user].end());
    // With 300 draws of at most 59 items nearly all come.
    EXPECT_GE(test_negatives.size() + 5, data.items.size() - train.size() - valid.size() - test.size());
    for (const auto item : test_negatives)
      EXPECT_FALSE(train.contains(item) || valid.contains(item) || test.contains(item));
    for (const auto item : valid_negatives) EXPECT_FALSE(train.contains(item) || valid.contains(item));
    // A validation knows nothing of the test: a user's test items are among its negatives.
    for (const auto item : test) EXPECT_TRUE(valid_negatives.contains(item) || test.size() > 8);
  }
  EXPECT_NE(data.negatives, data.valid_negatives);
}

TEST_F(Splits, AUserWithEveryItemHasNoNegatives) {
  options_.split = HoldOut::ratio;
  options_.test_ratio = 0.5;
  const Data data = split("1,a,1\n1,b,2\n1,c,3\n1,d,4\n2,a,1\n2,b,2\n");
  for (const auto item : data.negatives[0]) EXPECT_EQ(data.items[item], "c");  // a held-out one
  EXPECT_THAT(summary_, HasSubstr("warning: 1 users have every other item"));
}

TEST_F(Splits, DoNotDependOnThreadsAndShards) {
  const std::string rows = random_rows();
  for (const HoldOut split_by : {HoldOut::last, HoldOut::random, HoldOut::ratio, HoldOut::time})
    for (const HoldOut validation :
         {HoldOut::none, HoldOut::last, HoldOut::random, HoldOut::ratio, HoldOut::time}) {
      options_.split = split_by;
      options_.validation = validation;
      options_.threads = options_.shards = 1;
      const Data one = split(rows);
      EXPECT_EQ(one.valids.empty(), validation == HoldOut::none);
      options_.threads = 3;
      options_.shards = 4;
      EXPECT_EQ(split(rows), one);
      // The program reads it as it is.
      const auto dataset = Dataset::open(options_.output);
      const Shard shard = dataset.load({3, dataset.users()});
      EXPECT_EQ(shard.test.of(2).size(), one.tests[5].size());
      EXPECT_EQ(dataset.has_validation(), validation != HoldOut::none);
      if (dataset.has_validation()) {
        EXPECT_THAT(shard.valid.of(2), testing::ElementsAreArray(one.valids[5]));
      }
      EXPECT_THAT(shard.test.negatives_of(2), testing::ElementsAreArray(one.negatives[5]));
    }
}

TEST_F(Splits, WhatCannotBe) {
  options_.split = HoldOut::time;
  options_.reading.time_column = "timestamp";
  EXPECT_THAT(error("1,a,7\n1,b,7\n2,a,7\n2,b,8\n"), IsEmpty());
  options_.overwrite = true;
  options_.test_ratio = 0.9;
  EXPECT_THAT(error("1,a,7\n1,b,8\n2,a,8\n2,c,8\n"),
              AllOf(HasSubstr("the latest 0.9 of 4 interactions"), HasSubstr("a smaller --test_ratio")));
  options_.test_ratio.reset();
  EXPECT_THAT(error("1,a,7\n2,b,8\n"), HasSubstr("is of users or items that training does not have"));
  options_.reading.time_column.clear();
  write_text(directory_ / "r.csv", "user_id,item_id\n1,a\n1,b\n");
  EXPECT_THAT(error_of(options_), HasSubstr("--split time needs times, but the data have none"));
  options_.split = HoldOut::ratio;
  EXPECT_THAT(error("1,a,7\n2,b,8\n"),
              HasSubstr("--split ratio holds nothing out: no user has two items for it"));
  options_.split = HoldOut::last;
  options_.validation = HoldOut::last;
  EXPECT_THAT(error("1,a,7\n1,b,8\n"),
              HasSubstr("--validation last holds nothing out: no user has two items for it"));
  options_.validation = HoldOut::none;
  options_.split = HoldOut::ratio;
  options_.test_negatives = directory_ / "n";
  write_text(options_.test_negatives, "(1,a)\tb\n");
  EXPECT_THAT(error("1,a,1\n1,b,2\n1,c,3\n1,d,4\n1,e,5\n1,f,6\n1,g,7\n1,h,8\n"),
              HasSubstr("user '1' has 2 test items"));
}

}  // namespace
}  // namespace neumf::test
