// Splits of one's own: --train, --valid and --test.
#include "matchers.hpp"
#include "preprocess.hpp"

namespace neumf::test {
namespace {

using testing::IsEmpty;

class OwnFiles : public testing::Test {
 protected:
  OwnFiles() {
    options_ = small_options("", directory_ / "out");
    options_.inputs.clear();
    options_.own.train = {directory_ / "train.csv"};
    options_.own.test = {directory_ / "test.csv"};
    write_text(directory_ / "train.csv", "user_id,item_id\n1,a\n1,b\n2,b\n1,a\n");
    write_text(directory_ / "test.csv", "user_id,item_id\n2,a\n1,c\n");
    options_.overwrite = true;
  }
  Data split() {
    summary_ = preprocess::preprocess(options_);
    return read_data(options_.output);
  }
  TemporaryDirectory directory_;
  preprocess::Options options_;
  std::string summary_;
};

TEST_F(OwnFiles, AreTakenAsTheyAre) {
  const Data data = split();
  EXPECT_THAT(data.users, ElementsAre("1", "2"));
  EXPECT_THAT(data.items, ElementsAre("a", "b", "c"));
  EXPECT_THAT(data.train, ElementsAre(ElementsAre(0, 1), ElementsAre(1)));
  EXPECT_THAT(data.tests, ElementsAre(ElementsAre(2), ElementsAre(0)));
  EXPECT_EQ(data.negatives.at(1).size(), 2u);
  const auto file = open_master(options_.output);
  EXPECT_EQ(file.int_attribute("format_version"), 1);
  EXPECT_EQ(file.string_attribute("held_out"), "given");
  EXPECT_EQ(file.string_attribute("source"), "train.csv, test.csv");
  EXPECT_THAT(file.string_attribute("options"), HasSubstr("--train=train.csv --test=test.csv"));
  EXPECT_THAT(summary_, AllOf(HasSubstr("held out for the test: 2 items of 2 users (given)"),
                              HasSubstr("dropped 1 repeated interactions")));
  EXPECT_EQ(summary_.find("drawn by --seed"), std::string::npos) << summary_;
}

TEST_F(OwnFiles, AnyNumberOfItemsAndValidation) {
  options_.own.valid = {directory_ / "valid.csv"};
  // Times stand in one of the files, and are not needed. User 3 is in the test alone.
  write_text(directory_ / "valid.csv", "user_id,item_id\n1,c\n2,d\n2,b\n");
  write_text(directory_ / "test.csv", "user_id,item_id\n1,d\n1,e\n3,a\n2,d\n1,b\n");
  const Data data = split();
  EXPECT_THAT(data.users, ElementsAre("1", "2", "3"));
  EXPECT_THAT(data.valids, ElementsAre(ElementsAre(2), ElementsAre(3), IsEmpty()));
  EXPECT_THAT(data.tests, ElementsAre(ElementsAre(3, 4), IsEmpty(), ElementsAre(0)));
  EXPECT_THAT(summary_, AllOf(HasSubstr("dropped 3 held-out interactions with items that their users have"),
                              HasSubstr("1 of 3 users are without training interactions"),
                              HasSubstr("2 of 3 test items are items that nobody has in training")));
}

TEST_F(OwnFiles, NegativesFromAFile) {
  options_.valid_negative.reset();
  options_.test_negatives = directory_ / "n";
  write_text(options_.test_negatives, "(2,a)\tc\n(1,c)\tb\n");
  EXPECT_THAT(split().negatives, ElementsAre(ElementsAre(1), ElementsAre(2)));
}

TEST_F(OwnFiles, OfAnotherFormatThanTheFirst) {
  write_text(directory_ / "test.csv", "a;b\n2;a\n");
  EXPECT_THAT(error_of(options_), HasSubstr("test.csv"));
  std::filesystem::remove(directory_ / "test.csv");
  EXPECT_THAT(error_of(options_), HasSubstr("test.csv: no such file"));
  write_text(directory_ / "test.csv", "user_id,item_id\n1,a\n");
  EXPECT_THAT(error_of(options_), HasSubstr("test.csv: nothing is left to test"));
}

}  // namespace
}  // namespace neumf::test
