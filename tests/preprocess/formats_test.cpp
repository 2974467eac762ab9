// Every format, container and oddity of real files gives the same data set; every bad line its message.
#include "matchers.hpp"
#include "preprocess.hpp"

namespace neumf::test {
namespace {

using preprocess::FormatName;

constexpr const char* csv = "user_id,item_id,timestamp\n7,10,3\n7,20,1\n9,20,5\n9,30,6\n7,30,2\n";

void expect_the_data(const Data& data) {
  EXPECT_THAT(data.users, ElementsAre("7", "9"));
  EXPECT_THAT(data.items, ElementsAre("10", "20", "30"));
  EXPECT_THAT(data.train, ElementsAre(ElementsAre(1, 2), ElementsAre(1)));
  EXPECT_THAT(data.test, ElementsAre(0, 2));
}

TEST(Formats, Csv) {
  expect_the_data(run_text(csv));
}

TEST(Formats, CsvColumnsInAnyOrderWithSynonymsAndExtras) {
  expect_the_data(run_text(
      "Rating,movieId,Time,note,userId\n5,10,3,a,7\n5,20,1,,7\n5,20,5,c,9\n5,30,6,d,9\n5,30,2,e,7\n"));
  expect_the_data(
      run_text("timestamp\titem_id\tuser_id\n3\t10\t7\n1\t20\t7\n5\t20\t9\n6\t30\t9\n2\t30\t7\n"));
  expect_the_data(
      run_text("\"user_id\";\"item_id\";\"timestamp\"\n7;10;3\n7;20;1\n9;20;5\n9;30;6\n7;30;2\n"));
}

TEST(Formats, Ml20m) {
  const std::string rows = "7,10,3.5,3\n7,20,0.5,1\n9,20,1.0,5\n9,30,5.0,6\n7,30,4.0,2\n";
  expect_the_data(run_text("userId,movieId,rating,timestamp\n" + rows));
  expect_the_data(run_text(rows));  // without its header
  expect_the_data(run_text("userId,movieId,rating,timestamp\n" + rows, FormatName::ml_20m));
}

TEST(Formats, Ml1m) {
  expect_the_data(run_text("7::10::3::3\n7::20::1::1\n9::20::5::5\n9::30::5::6\n7::30::1::2\n"));
}

TEST(Formats, Ml100k) {
  expect_the_data(run_text("7\t10\t3\t3\n7\t20\t1\t1\n9\t20\t5\t5\n9\t30\t5\t6\n7\t30\t1\t2\n"));
}

TEST(Formats, Quirks) {
  const std::string text = csv;
  std::string crlf;
  for (const char c : text) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  expect_the_data(run_text(crlf));
  expect_the_data(run_text("\xef\xbb\xbf" + text));
  expect_the_data(run_text(text + "\n"));
  expect_the_data(run_text(text + "\r\n \n"));
  expect_the_data(run_text(text.substr(0, text.size() - 1)));
  expect_the_data(
      run_text("user_id, item_id, timestamp\n\"7\",\"10\",\"3\"\n7, 20, 1\n 9,20,5\n9,30,6.0\n7,30,2\n"));
}

TEST(Formats, TextIds) {
  const Data data = run_text(
      "user_id,item_id,timestamp\nann,\"a, "
      "\"\"b\"\"\",1\nann,0012,2\nbob,12,1\nbob,\"two\nlines\",2\nbob,12,3\n");
  EXPECT_THAT(data.users, ElementsAre("ann", "bob"));
  EXPECT_THAT(data.items, ElementsAre("a, \"b\"", "0012", "12", "two\nlines"));
  EXPECT_THAT(data.train_of("bob"), ElementsAre("12"));
  EXPECT_EQ(data.test_of("bob"), "two\nlines");
}

// Ids are text in every file, whatever they look like, and UTF-8: a file that is not is taken for ISO 8859-1.
TEST(Formats, StoresIdsAsUtf8) {
  const Data data =
      run_text("user_id,item_id,timestamp\njos\xE9,7,1\njos\xE9,8,2\nzo\xC3\xAB,7,1\nzo\xC3\xAB,9,2\n");
  EXPECT_THAT(data.users, ElementsAre("jos\xC3\xA9", "zo\xC3\xAB"));
  EXPECT_THAT(data.items, ElementsAre("7", "8", "9"));
}

TEST(Formats, NegativeAndHugeIds) {
  const Data data = run_text("user_id,item_id,timestamp\n-1,9223372036854775807,1\n-1,0,2\n");
  EXPECT_THAT(data.users, ElementsAre("-1"));
  EXPECT_THAT(data.items, ElementsAre("9223372036854775807", "0"));
}

TEST(Containers, GzAndZip) {
  const TemporaryDirectory directory;
  write_gz(directory / "ratings.csv.gz", csv);
  expect_the_data(run(small_options(directory / "ratings.csv.gz", directory / "gz")));

  const std::string dat = "7::10::3::3\n7::20::1::1\n9::20::5::5\n9::30::5::6\n7::30::1::2\n";
  write_zip(directory / "ml-1m.zip",
            {{"ml-1m/movies.dat", "1::x::y"}, {"ml-1m/ratings.dat", dat}, {"ml-1m/README", "text"}});
  expect_the_data(run(small_options(directory / "ml-1m.zip", directory / "zip")));

  write_zip(
      directory / "ml-20m.zip",
      {{"ml-20m/links.csv", "a,b"},
       {"ml-20m/ratings.csv",
        "userId,movieId,rating,timestamp\n7,10,1.0,3\n7,20,1.0,1\n9,20,1.0,5\n9,30,1.0,6\n7,30,2.0,2\n"},
       {"__MACOSX/ml-20m/._ratings.csv", "junk"}});
  expect_the_data(run(small_options(directory / "ml-20m.zip", directory / "zip20")));

  write_zip(directory / "any.zip", {{"mine.csv", csv}});
  expect_the_data(run(small_options(directory / "any.zip", directory / "any")));
}

TEST(Containers, WrongMember) {
  const TemporaryDirectory directory;
  write_zip(directory / "a.zip", {{"ml-1m/movies.dat", "x"}, {"README", "x"}});
  EXPECT_THAT(
      error_of(small_options(directory / "a.zip", directory / "out")),
      AllOf(HasSubstr("a.zip: holds no ratings.csv"), HasSubstr("it holds: ml-1m/movies.dat, README")));
  write_zip(directory / "b.zip", {{"x.csv", csv}, {"y.csv", csv}});
  EXPECT_THAT(error_of(small_options(directory / "b.zip", directory / "out")),
              AllOf(HasSubstr("2 files that could be meant"), HasSubstr("x.csv, y.csv"),
                    HasSubstr("--member '*.csv'")));
  write_zip(directory / "c.zip", {});
  EXPECT_THAT(error_of(small_options(directory / "c.zip", directory / "out")), HasSubstr("empty archive"));
}

TEST(Containers, Damaged) {
  const TemporaryDirectory directory;
  std::string text = csv;
  for (int i = 0; i < 5000; ++i)
    text += std::to_string(i) + "," + std::to_string(i * 7919 % 1000) + "," + std::to_string(i) + "\n";
  write_gz(directory / "a.csv.gz", text);
  std::string bytes = read_text(directory / "a.csv.gz");
  write_text(directory / "cut.gz", bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(error_of(small_options(directory / "cut.gz", directory / "out")),
              AllOf(HasSubstr("cut.gz: cannot decompress"), HasSubstr("Download it again")));
  write_gz(directory / "empty.gz", "");
  EXPECT_THAT(error_of(small_options(directory / "empty.gz", directory / "out")), HasSubstr("is empty"));
}

TEST(BadInput, NamesFileLineAndContent) {
  EXPECT_THAT(
      error_of_text(std::string(csv) + "1,2\n"),
      AllOf(HasSubstr("input.txt:7:"), HasSubstr("2 columns where 3 are expected"), HasSubstr("'1,2'")));
  EXPECT_THAT(error_of_text(std::string(csv) + "1,2,yesterday\n3,4,5\n"),
              AllOf(HasSubstr("input.txt:7:"), HasSubstr("timestamp 'yesterday' is not a number"),
                    HasSubstr("--time_format")));
  EXPECT_THAT(error_of_text(std::string(csv) + "\n,2,3\n"),
              AllOf(HasSubstr("input.txt:8:"), HasSubstr("the user is empty"), HasSubstr("1 of 6 rows"),
                    HasSubstr("--missing drop")));
  EXPECT_THAT(error_of_text(std::string(csv) + "1,\"2,3\n4,5,6\n"),
              AllOf(HasSubstr("input.txt:7:"), HasSubstr("--quotes csv or --quotes literal")));
  EXPECT_THAT(error_of_text("1::2::3::4\n1::\x01x::3::4\n", FormatName::ml_1m),
              AllOf(HasSubstr("input.txt:2:"), HasSubstr("not an integer"), HasSubstr("'1::\\x01x::3::4'")));
  EXPECT_THAT(error_of_text("1\t2\t3\t4\n1\t2\t3\t4\t5\n"), HasSubstr("5 columns where 4 are expected"));
  EXPECT_THAT(error_of_text("1,2,3,4\nx,2,3,4\n", FormatName::ml_20m),
              HasSubstr("user id 'x' is not an integer"));
}

// The first bad line is the one that is reported, however blocks are spread over threads.
TEST(BadInput, FirstBadLineOfALargeFile) {
  const TemporaryDirectory directory;
  std::string text = "user_id,item_id,timestamp\n";
  for (int i = 0; i < 300'000; ++i)
    text += i == 200'000 || i == 290'000
                ? "bad\n"
                : std::to_string(i % 1000) + "," + std::to_string(i % 997) + "," + std::to_string(i) + "\n";
  write_text(directory / "big.csv", text);
  auto options = small_options(directory / "big.csv", directory / "out");
  for (const std::size_t threads : {1u, 4u}) {
    options.threads = threads;
    EXPECT_THAT(error_of(options), HasSubstr("big.csv:200002: "));
  }
}

TEST(BadInput, Files) {
  const TemporaryDirectory directory;
  EXPECT_THAT(error_of(small_options(directory / "none.csv", directory / "out")),
              HasSubstr("none.csv: no such file"));
  EXPECT_THAT(error_of(small_options(directory.path(), directory / "out")), HasSubstr("is a directory"));
  EXPECT_THAT(error_of_text(""), HasSubstr("input.txt: is empty"));
  EXPECT_THAT(error_of_text("\xef\xbb\xbf"), HasSubstr("input.txt: is empty"));
  EXPECT_THAT(error_of_text("user_id,item_id,timestamp\n"), HasSubstr("holds no ratings"));
  EXPECT_THAT(error_of_text("\n \n"), HasSubstr("blank lines"));
  EXPECT_THAT(error_of_text("user_id,thing,timestamp\n1,2,3\n"),
              AllOf(HasSubstr("no column 'item_id'"), HasSubstr("user_id, thing, timestamp"),
                    HasSubstr("--item_column")));
  EXPECT_THAT(error_of_text("12 13 14\n"), HasSubstr("cannot tell the format"));
  EXPECT_THAT(error_of_text(std::string("\xff\xfe"
                                        "u\0s\0",
                                        6)),
              HasSubstr("UTF-16"));
  EXPECT_FALSE(std::filesystem::exists(directory / "out"));
}

TEST(BadInput, NobodyLeft) {
  EXPECT_THAT(
      error_of_text(csv, FormatName::automatic, 20),
      AllOf(HasSubstr("no user is left"), HasSubstr("min_ratings is 20"), HasSubstr("has 3 ratings")));
}

}  // namespace
}  // namespace neumf::test
