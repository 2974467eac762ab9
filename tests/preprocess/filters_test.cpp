// Rows, users and items that are left out, and the warnings about what is left.
#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "matchers.hpp"
#include "preprocess.hpp"

namespace neumf::test {
namespace {

using preprocess::ReadOptions;

constexpr const char* events =
    "user_id,item_id,event,rating,timestamp\n1,a,view,1,10\n1,b,buy,5,20\n1,c,buy,4.5,30\n1,d,cart,NULL,40\n"
    "2,a,view,2,10\n2,c,buy,3,20\n";

TEST(Filters, Keep) {
  ReadOptions reading;
  reading.keep = {preprocess::parse_keep("event=buy,cart")};
  const Data data = run_text(events, reading);
  EXPECT_THAT(data.train_of("1"), ElementsAre("b", "c"));
  EXPECT_EQ(data.test_of("1"), "d");
  EXPECT_THAT(data.items, ElementsAre("b", "c", "d"));
  EXPECT_THAT(summary_of_text(events, reading),
              HasSubstr("left out 2 rows whose event is another than 'buy', 'cart'"));
  reading.keep.push_back(preprocess::parse_keep("user_id=2"));  // both must hold
  EXPECT_THAT(run_text(events, reading).users, ElementsAre("2"));
}

TEST(Filters, KeepOfValuesThatAreNotThere) {
  ReadOptions reading;
  reading.keep = {preprocess::parse_keep("event=purchase")};
  EXPECT_THAT(error_of_text(events, reading),
              AllOf(HasSubstr("no row has 'purchase'"), HasSubstr("'view', 'buy', 'cart'")));
  reading.keep = {preprocess::parse_keep("event=buy,purchase")};
  EXPECT_THAT(summary_of_text(events, reading), HasSubstr("warning: --keep event: no row has 'purchase'"));
  reading.keep = {preprocess::parse_keep("action=buy")};
  EXPECT_THAT(error_of_text(events, reading), HasSubstr("--keep action: the columns are user_id, item_id"));
}

TEST(Filters, MinRating) {
  ReadOptions reading;
  reading.min_rating = 4;
  EXPECT_THAT(error_of_text(events, reading),
              AllOf(HasSubstr("the rating is 'NULL'"), HasSubstr("1 of 3 rows")));
  reading.missing = preprocess::Missing::drop;
  const Data data = run_text(events, reading);
  EXPECT_THAT(data.users, ElementsAre("1"));
  EXPECT_EQ(data.test_of("1"), "c");
  EXPECT_THAT(summary_of_text(events, reading), HasSubstr("left out 3 rows with ratings below 4"));
  reading.min_rating = 6;
  EXPECT_THAT(error_of_text(events, reading), HasSubstr("no rating reaches --min_rating 6"));
  EXPECT_THAT(error_of_text("user_id,item_id,timestamp\n1,a,1\n", reading), HasSubstr("--rating_column"));
  EXPECT_THAT(error_of_text("user_id,item_id,rating,timestamp\n1,a,good,1\n", reading),
              HasSubstr("the rating 'good' is not a number"));
}

// Against the rule as it is written: drop what has too few until nothing changes.
TEST(Filters, CoresAreStable) {
  std::mt19937 random(3);
  std::vector<std::pair<int, int>> rows;
  std::string text = "user_id,item_id,timestamp\n";
  const auto skewed = [&](unsigned n) { return static_cast<int>(std::sqrt(random() % (n * n))); };
  for (int i = 0; i < 1500; ++i) {
    const int user = skewed(200), item = skewed(150);
    rows.emplace_back(user, item);
    text += fmt::format("{},{},{}\n", user, item, i);
  }
  auto left = rows;
  for (std::size_t before = 0; before != left.size();) {
    before = left.size();
    std::map<int, int> users, items;
    for (const auto& [user, item] : left) {
      ++users[user];
      ++items[item];
    }
    std::erase_if(left, [&](const auto& row) { return users[row.first] < 6 || items[row.second] < 6; });
  }
  ASSERT_GT(left.size(), 100u);
  ASSERT_LT(left.size(), 1400u);
  std::vector<std::string> users;
  std::set<std::pair<int, int>> pairs(left.begin(), left.end());
  for (const auto& [user, item] : left)
    if (std::find(users.begin(), users.end(), std::to_string(user)) == users.end())
      users.push_back(std::to_string(user));

  const TemporaryDirectory directory;
  write_text(directory / "r.csv", text);
  auto options = small_options(directory / "r.csv", directory / "core");
  options.min_ratings.reset();
  options.core = 6;
  const std::string summary = preprocess::preprocess(options);
  EXPECT_THAT(summary,
              AllOf(HasSubstr("users with fewer than 6 ratings"), HasSubstr("items with fewer than 6")));
  const Data data = read_data(options.output);
  EXPECT_EQ(data.users, users);  // by first appearance among the rows that are left
  std::size_t count = data.test.size();
  for (const auto& items : data.train) count += items.size();
  EXPECT_EQ(count, pairs.size());

  options.core.reset();
  options.min_ratings = options.min_item_ratings = 6;
  options.threads = 3;
  options.output = directory / "both";
  EXPECT_EQ(run(options), data);
}

TEST(Filters, ACoreThatIsEmpty) {
  const TemporaryDirectory directory;
  write_text(directory / "r.csv", "user_id,item_id,timestamp\n1,a,1\n1,b,2\n2,a,1\n");
  auto options = small_options(directory / "r.csv", directory / "out");
  options.min_ratings.reset();
  options.core = 2;
  EXPECT_THAT(error_of(options), AllOf(HasSubstr("no user is left"), HasSubstr("--core")));
}

TEST(Warnings, NoTrainingData) {
  EXPECT_THAT(summary_of_text("user_id,item_id,timestamp\nu,a,1\nv,b,2\n"),
              HasSubstr("warning: no training interactions are left"));
  // A song on repeat.
  EXPECT_THAT(summary_of_text("user_id,item_id,timestamp\nu,a,1\nu,a,2\nv,b,2\nv,a,3\n"),
              HasSubstr("warning: 1 of 2 users are without training interactions"));
}

TEST(Warnings, SmallAndDenseCatalogues) {
  std::string dense = "user_id,item_id,timestamp\n", sparse = dense;
  for (int i = 0; i < 120; ++i) dense += fmt::format("{},{},{}\n", i / 20, i % 20, i);
  for (int i = 0; i < 120; ++i) sparse += fmt::format("{},{},{}\n", i / 10, i, i);
  EXPECT_THAT(summary_of_text(dense),
              AllOf(HasSubstr("95 % of sampled negatives"), HasSubstr("--exact_negatives")));
  EXPECT_THAT(summary_of_text(sparse), Not(HasSubstr("warning")));
  EXPECT_THAT(summary_of_text("user_id,item_id,timestamp\nu,a,1\nu,b,2\nv,c,2\nv,a,3\n"),
              HasSubstr("warning: there are only 3 items"));
}

}  // namespace
}  // namespace neumf::test
