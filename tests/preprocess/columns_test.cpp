// Which columns become what: by name, by number, by sight; and what is said of them.
#include "matchers.hpp"

namespace neumf::test {
namespace {

using preprocess::Header;
using preprocess::ReadOptions;

// User a has x, y, then z; the columns in an order of their own.
constexpr const char* strange = "when,who,what,how\n30,a,z,5\n10,a,x,1\n20,a,y,3\n";

void expect_xy_z(const Data& data) {
  EXPECT_THAT(data.users, ElementsAre("a"));
  EXPECT_THAT(data.train_of("a"), ElementsAre("x", "y"));
  EXPECT_EQ(data.test_of("a"), "z");
}

ReadOptions columns(const char* user, const char* item, const char* time) {
  ReadOptions reading;
  reading.user_column = user;
  reading.item_column = item;
  reading.time_column = time;
  return reading;
}

TEST(Columns, ByNameAndByNumber) {
  expect_xy_z(run_text(strange, columns("who", "what", "when")));
  expect_xy_z(run_text(strange, columns("WHO", "What ", "when")));  // as far as it is clear
  auto reading = columns("2", "3", "1");
  reading.header = Header::yes;
  expect_xy_z(run_text(strange, reading));
  expect_xy_z(run_text("30,a,z,5\n10,a,x,1\n20,a,y,3\n", columns("2", "3", "1")));
  EXPECT_THAT(summary_of_text(strange, columns("who", "what", "when")),
              HasSubstr("user: column 'who', item: column 'what', time: column 'when'"));
}

TEST(Columns, WrongNamesAndNumbers) {
  EXPECT_THAT(error_of_text(strange, columns("whom", "what", "when")),
              AllOf(HasSubstr("--user_column whom: the columns are when, who, what, how")));
  EXPECT_THAT(error_of_text(strange, columns("5", "what", "when")),
              HasSubstr("--user_column 5: there are columns 1 to 4"));
  EXPECT_THAT(error_of_text(strange, columns("0", "what", "when")), HasSubstr("columns 1 to 4"));
  EXPECT_THAT(error_of_text(strange, columns("who", "who", "when")), HasSubstr("both the user and the item"));
  auto reading = columns("who", "3", "1");
  reading.header = Header::no;
  EXPECT_THAT(error_of_text(strange, reading), HasSubstr("no header with names; give the column's number"));
  EXPECT_THAT(error_of_text(strange, {}),
              AllOf(HasSubstr("--user_column"), HasSubstr("when, who, what, how")));
}

TEST(Columns, AHeaderOrNot) {
  const std::string rows = "a,x,1500000000\na,y,1500000001\n";
  // With known names, with numbers below words, without either.
  EXPECT_THAT(run_text("user,item,time\n" + rows).users, ElementsAre("a"));
  EXPECT_THAT(run_text("u,i,t\n" + rows, columns("1", "2", "3")).users, ElementsAre("a"));
  EXPECT_THAT(run_text(rows, columns("1", "2", "3")).users, ElementsAre("a"));
  auto reading = columns("1", "2", "");
  reading.time = preprocess::TimeSource::none;
  EXPECT_THAT(error_of_text("a,x\nb,y\n", reading), HasSubstr("give --header yes or --header no"));
  reading.header = Header::no;
  EXPECT_THAT(run_text("a,x\nb,y\n", reading).users, ElementsAre("a", "b"));
  reading.header = Header::yes;
  EXPECT_THAT(run_text("a,x\nb,y\n", reading).users, ElementsAre("b"));
}

TEST(Columns, WithoutAHeaderTheOrderIsNotGuessed) {
  EXPECT_THAT(error_of_text("A1,B1,3.0,1500001332\nA2,B2,1.0,1500001333\n", ReadOptions{}),
              AllOf(HasSubstr("no header"), HasSubstr("'A1, B1, 3.0, 1500001332'"),
                    HasSubstr("--user_column 1 --item_column 2 --time_column 4")));
  // The only column of times is taken, and that is said.
  const auto summary = summary_of_text("A1,B1,3.0,1500001332\nA1,B2,1.0,1500001333\n", columns("1", "2", ""));
  EXPECT_THAT(summary, AllOf(HasSubstr("time: column 4"), HasSubstr("column 4 is taken for the time")));
}

TEST(Columns, MovieLensShapeSaysThatTheOrderIsTakenForGranted) {
  EXPECT_THAT(summary_of_text("1,10,3,1500001332\n1,11,4,1500001333\n"),
              AllOf(HasSubstr("user: column 1, item: column 2, time: column 4, rating: column 3"),
                    HasSubstr("--user_column 2 --item_column 1 is the other way round")));
}

TEST(Columns, AGuessThatCouldBeAnotherIsSaid) {
  const auto summary = summary_of_text(
      "session_id,customer_id,asin,parent_asin,timestamp\ns,c,v,p,1500000000\ns,c,w,q,1500000001\n");
  EXPECT_THAT(summary, AllOf(HasSubstr("user: column 'customer_id', item: column 'parent_asin'"),
                             HasSubstr("the user could also be 'session_id'"),
                             HasSubstr("the item could also be 'asin'")));
}

TEST(Columns, SeparatorsByName) {
  const std::string rows = "a x 1500000000\na y 1500000001\n";
  EXPECT_THAT(error_of_text(rows, columns("1", "2", "3")), HasSubstr("--separator space"));
  auto reading = columns("1", "2", "3");
  reading.separator = preprocess::parse_separator("space");
  EXPECT_EQ(run_text(rows, reading).test_of("a"), "y");
  // Commas in the titles of a file with tabs.
  EXPECT_EQ(
      run_text("user\titem\ttitle\ttime\na\tx\tOne, two, three, four\t1500000000\na\ty\tOne\t1500000001\n")
          .test_of("a"),
      "y");
}

TEST(Columns, MoreColumnsThanTheHeaderHas) {
  // R's row names shift everything by one; an unquoted comma does from there on.
  EXPECT_THAT(error_of_text("user_id,item_id,rating,timestamp\n1,7,70,3,1500000000\n", ReadOptions{}),
              AllOf(HasSubstr("input.txt:2:"), HasSubstr("5 columns where 4 are expected")));
  // Separators at the ends of lines are nothing.
  EXPECT_EQ(run_text("user_id,item_id,timestamp\n1,7,1500000000,\n1,8,1500000001,\n").test_of("1"), "8");
}

TEST(Columns, IdsAreTextUnlessAMovieLensFormatIsNamed) {
  const std::string text =
      "userId,movieId,rating,timestamp\n7,0000031,4,100\n007,0000032,3,110\n7,0000033,5,120\n";
  const Data data = run_text(text);
  EXPECT_THAT(data.users, ElementsAre("7", "007"));
  EXPECT_THAT(data.items, ElementsAre("0000031", "0000032", "0000033"));
  EXPECT_THAT(run_text(text, preprocess::FormatName::ml_20m).users, ElementsAre("7"));
  EXPECT_THAT(run_text("1::2::3::1500000000\n01::2::3::1500000001\n").users, ElementsAre("1", "01"));
}

TEST(Columns, IntegersThatPandasMadeDecimalsAreDoubted) {
  const auto said =
      summary_of_text("user_id,item_id,timestamp\n1.0,7,1500000000\n1,8,1500000001\n1.0,9,1500000002\n");
  EXPECT_THAT(
      said, AllOf(HasSubstr("user ids such as '1.0' in column 'user_id' are texts"), HasSubstr("users 2 ")));
  EXPECT_THAT(summary_of_text("user_id,item_id,timestamp\n1.5,7,1500000000\n1.5,8,1500000001\n"),
              Not(HasSubstr("such as")));
}

TEST(Columns, FilesJoinedWithTheirHeaders) {
  ReadOptions reading;
  reading.time = preprocess::TimeSource::none;
  EXPECT_THAT(error_of_text("user_id,item_id\na,x\na,y\nuser_id,item_id\nb,x\n", reading),
              AllOf(HasSubstr("input.txt:4:"), HasSubstr("repeats the header")));
}

TEST(Columns, MissingValues) {
  const std::string rows = "user_id,item_id,timestamp\na,x,1500000000\na,y,1500000001\n";
  for (const char* word : {"NULL", "nan", "\\N", "None", ""}) {
    const std::string text = rows + word + ",x,1500000002\na," + word + ",1500000003\na,z," + word + "\n";
    EXPECT_THAT(
        error_of_text(text, ReadOptions{}),
        AllOf(HasSubstr("input.txt:4: the user is "), HasSubstr("3 of 5 rows"), HasSubstr("--missing drop")))
        << word;
    ReadOptions reading;
    reading.missing = preprocess::Missing::drop;
    EXPECT_EQ(run_text(text, reading), run_text(rows)) << word;
    EXPECT_THAT(summary_of_text(text, reading), HasSubstr("left out 3 rows without a user")) << word;
  }
  ReadOptions reading;
  reading.missing = preprocess::Missing::keep;
  EXPECT_THAT(run_text(rows + "None,x,1500000002\n", reading).users, ElementsAre("a", "None"));
}

}  // namespace
}  // namespace neumf::test
