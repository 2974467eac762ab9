// Drawn negatives, negatives from a file, and the files of the NCF paper.
#include <algorithm>
#include <set>

#include "matchers.hpp"
#include "negatives.hpp"

namespace neumf::test {
namespace {

using preprocess::FormatName;

preprocess::Split split_of(std::vector<std::vector<std::uint32_t>> train, std::size_t items) {
  preprocess::Split split;
  for (const auto& row : train) {
    split.counts.push_back(static_cast<std::uint32_t>(row.size()));
    split.train_items.insert(split.train_items.end(), row.begin(), row.end());
    split.offsets.push_back(split.train_items.size());
  }
  split.test.offsets.assign(train.size() + 1, 0);  // nothing held out
  split.item_ids = std::vector<std::int64_t>(items);
  return split;
}

TEST(DrawnNegatives, AreUniformOverTheItemsNotInTraining) {
  auto split = split_of({{0, 1, 4, 7}, {}, {0, 1, 2, 3, 4, 5, 6, 8}}, 9);
  constexpr std::size_t draws = 50'000;
  preprocess::draw_negatives(split, draws, 1, 1);
  const std::vector<std::vector<std::uint32_t>> absent = {{2, 3, 5, 6, 8}, {0, 1, 2, 3, 4, 5, 6, 7, 8}, {7}};
  for (std::size_t user = 0; user < 3; ++user) {
    std::vector<std::size_t> counts(9, 0);
    for (std::size_t k = 0; k < draws; ++k) ++counts[split.test.negatives[user * draws + k]];
    const double expected = static_cast<double>(draws) / static_cast<double>(absent[user].size());
    for (std::uint32_t item = 0; item < 9; ++item) {
      const bool possible = std::count(absent[user].begin(), absent[user].end(), item) > 0;
      EXPECT_NEAR(static_cast<double>(counts[item]), possible ? expected : 0.0,
                  possible ? 5 * std::sqrt(expected) : 0)
          << user << ' ' << item;
    }
  }
}

TEST(DrawnNegatives, DependOnSeedAndUserAlone) {
  const std::vector<std::vector<std::uint32_t>> train(100, {3, 5});
  auto one = split_of(train, 1000), two = split_of(train, 1000), other = split_of(train, 1000);
  preprocess::draw_negatives(one, 7, 1, 1);
  preprocess::draw_negatives(two, 7, 1, 4);
  preprocess::draw_negatives(other, 7, 2, 1);
  EXPECT_EQ(one.test.negatives, two.test.negatives);
  EXPECT_NE(one.test.negatives, other.test.negatives);
  EXPECT_GT(std::set(one.test.negatives.begin(), one.test.negatives.end()).size(), 400u);  // users differ
  // Fewer negatives are the first of more.
  auto fewer = split_of(train, 1000);
  preprocess::draw_negatives(fewer, 3, 1, 1);
  EXPECT_EQ(fewer.test.negatives[3 * 99 + 2], one.test.negatives[7 * 99 + 2]);
}

TEST(DrawnNegatives, AUserWithAllOtherItemsGetsTheHeldOutOne) {
  const Data data = run_text("user_id,item_id,timestamp\n1,a,1\n1,b,2\n1,c,3\n");
  EXPECT_THAT(data.negatives, ElementsAre(ElementsAre(2, 2)));
}

class NegativesFile : public testing::Test {
 protected:
  NegativesFile() {
    write_text(directory_ / "r.csv", "user_id,item_id,timestamp\nu1,a,1\nu1,b,2\nu2,c,1\nu2,d,2\n");
    options_ = small_options(directory_ / "r.csv", directory_ / "out");
    options_.valid_negative.reset();
    options_.test_negatives = directory_ / "n";
  }
  std::string error_with(const std::string& negatives) {
    write_text(options_.test_negatives, negatives);
    return error_of(options_);
  }
  TemporaryDirectory directory_;
  preprocess::Options options_;
};

TEST_F(NegativesFile, ReplacesTheDrawnOnes) {
  write_text(options_.test_negatives, "(u2,d)\tb\ta\tb\r\n(u1, b)\tc\td\tc\t\n");
  const Data data = run(options_);
  EXPECT_THAT(data.negatives, ElementsAre(ElementsAre(2, 3, 2), ElementsAre(1, 0, 1)));
  EXPECT_EQ(open_master(options_.output).int_attribute("valid_negative"), 3);
}

TEST_F(NegativesFile, HasToFit) {
  EXPECT_THAT(error_with("(u1,a)\tc\n(u2,d)\ta\n"),
              AllOf(HasSubstr("n:1: holds out item 'a' of user 'u1'"), HasSubstr("item 'b'")));
  EXPECT_THAT(error_with("(u1,b)\tc\n"), AllOf(HasSubstr("1 of 2 users"), HasSubstr("'u2'")));
  EXPECT_THAT(error_with("(u1,b)\tc\n(u1,b)\tc\n"), HasSubstr("n:2: user 'u1' has a second line"));
  EXPECT_THAT(error_with("(u1,b)\tc\n(u9,b)\tc\n"), HasSubstr("n:2: user 'u9' is not in the data set"));
  EXPECT_THAT(error_with("(u1,b)\tz\n"), HasSubstr("n:1: item 'z' is not in the data set"));
  EXPECT_THAT(error_with("(u1,b)\tc\n(u2,d)\ta\tb\n"),
              HasSubstr("n:2: 2 negatives where the lines before have 1"));
  EXPECT_THAT(error_with("u1,b\tc\n"), HasSubstr("n:1: expected '(user,item)'"));
  EXPECT_THAT(error_with("\n"), HasSubstr("holds no negatives"));
  options_.valid_negative = 5;
  EXPECT_THAT(error_with("(u1,b)\tc\n(u2,d)\ta\n"), HasSubstr("--valid_negative is 5"));
}

class Ncf : public testing::Test {
 protected:
  void write(const std::string& train, const std::string& test, const std::string& negatives) {
    write_text(directory_ / "x.train.rating", train);
    write_text(directory_ / "x.test.rating", test);
    write_text(directory_ / "x.test.negative", negatives);
    options_.inputs = {directory_ / "x"};
    options_.output = directory_ / "out";
  }
  TemporaryDirectory directory_;
  preprocess::Options options_;
};

constexpr const char* ncf_train = "1\t4\t5\t9\n0\t3\t5\t8\n0\t1\t5\t9\n";
constexpr const char* ncf_test = "0\t2\t4\t1\n1\t0\t4\t1\n";
constexpr const char* ncf_negatives = "(0,2)\t5\t4\n(1,0)\t6\t6\n";

TEST_F(Ncf, KeepsIdsSplitAndNegatives) {
  write(ncf_train, ncf_test, ncf_negatives);
  for (const char* input : {"x", "x.train.rating"}) {
    for (const auto format : {FormatName::automatic, FormatName::ncf}) {
      options_.inputs = {directory_ / input};
      options_.reading.format = format;
      options_.overwrite = true;
      const Data data = run(options_);
      EXPECT_THAT(data.users, ElementsAre("0", "1"));
      EXPECT_THAT(data.items, ElementsAre("0", "1", "2", "3", "4", "5", "6"));
      EXPECT_THAT(data.train, ElementsAre(ElementsAre(1, 3), ElementsAre(4)));
      EXPECT_THAT(data.test, ElementsAre(2, 0));
      EXPECT_THAT(data.negatives, ElementsAre(ElementsAre(5, 4), ElementsAre(6, 6)));
    }
  }
}

TEST_F(Ncf, Gz) {
  write_gz(directory_ / "x.train.rating.gz", ncf_train);
  write_gz(directory_ / "x.test.rating.gz", ncf_test);
  write_gz(directory_ / "x.test.negative.gz", ncf_negatives);
  for (const char* input : {"x", "x.train.rating.gz"}) {
    options_.inputs = {directory_ / input};
    options_.output = directory_ / "out";
    options_.overwrite = true;
    EXPECT_THAT(run(options_).test, ElementsAre(2, 0));
  }
}

// A split of one's own, without a file of negatives, or with the names that some mirrors have.
TEST_F(Ncf, NegativesAreDrawnWhereThereAreNone) {
  write_text(directory_ / "x.train.rating.txt", ncf_train);
  write_text(directory_ / "x.test.rating.txt", ncf_test);
  for (const char* input : {"x", "x.train.rating.txt"}) {
    options_.inputs = {directory_ / input};
    options_.output = directory_ / "out";
    options_.valid_negative = 20;
    options_.overwrite = true;
    const Data data = run(options_);
    EXPECT_THAT(data.train, ElementsAre(ElementsAre(1, 3), ElementsAre(4)));
    EXPECT_THAT(data.test, ElementsAre(2, 0));
    ASSERT_EQ(data.negatives.at(0).size(), 20u);
    for (const auto item : data.negatives[0]) EXPECT_THAT(item, testing::AnyOf(0, 2, 4));
  }
}

TEST_F(Ncf, FilesThatDoNotFit) {
  write(ncf_train, ncf_test, "(0,2)\t5\t4\n(1,1)\t6\t6\n");
  EXPECT_THAT(error_of(options_), HasSubstr("x.test.negative:2: holds out item 1 of user 1"));
  write(ncf_train, ncf_test, "(0,2)\t5\t4\n");
  EXPECT_THAT(error_of(options_), HasSubstr("1 lines for 2 users"));
  write(ncf_train, "0\t2\t4\t1\n0\t0\t4\t1\n", ncf_negatives);
  EXPECT_THAT(error_of(options_), HasSubstr("user 0 has two lines"));
  write("5\t1\t1\t1\n", ncf_test, ncf_negatives);
  EXPECT_THAT(error_of(options_), HasSubstr("user 5 has no test line"));
  write("-1\t1\t1\t1\n", ncf_test, ncf_negatives);
  EXPECT_THAT(error_of(options_), HasSubstr("user id -1"));
  write(ncf_train, ncf_test, ncf_negatives);
  options_.min_ratings = 5;
  EXPECT_THAT(error_of(options_), HasSubstr("--min_ratings, --min_item_ratings and --core do not apply"));
  options_.min_ratings.reset();
  std::filesystem::remove(directory_ / "x.test.rating");
  EXPECT_THAT(error_of(options_), HasSubstr("x.test.rating: no such file"));
  options_.inputs = {directory_ / "y"};
  options_.reading.format = FormatName::ncf;
  EXPECT_THAT(error_of(options_), HasSubstr("y.train.rating: no such file"));
}

}  // namespace
}  // namespace neumf::test
