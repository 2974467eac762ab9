// The program as users call it: arguments, messages, exit statuses; and the download script.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <memory>

#include "neumf/core/error.hpp"
#include "support.hpp"

namespace neumf::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct Result {
  int status;
  std::string output;  // standard output and standard error
};

Result execute(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  require(pipe != nullptr, "cannot start {}", command);
  Result result{};
  std::array<char, 4096> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
    result.output.append(buffer.data(), count);
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

Result program(const std::string& arguments) {
  return execute(NEUMF_PREPROCESS " " + arguments);
}

void expect_error(const std::string& arguments, const std::string& message) {
  const auto result = program(arguments);
  EXPECT_EQ(result.status, 1) << arguments;
  EXPECT_THAT(result.output, AllOf(StartsWith("neumf-preprocess: error: "), HasSubstr(message))) << arguments;
  EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
}

TEST(Program, HelpAndVersion) {
  const auto help = program("--help");
  EXPECT_EQ(help.status, 0);
  for (const char* option : {"--input",
                             "--output",
                             "--format",
                             "--shards",
                             "--valid_negative",
                             "--min_ratings",
                             "--seed",
                             "--threads",
                             "--overwrite",
                             "--synthetic",
                             "--test_negatives",
                             "--user_column",
                             "--item_column",
                             "--time_column",
                             "--rating_column",
                             "--time_format",
                             "--time ",
                             "--header",
                             "--separator",
                             "--quotes",
                             "--member",
                             "--missing",
                             "--min_rating ",
                             "--keep",
                             "--min_item_ratings",
                             "--split",
                             "--validation ",
                             "--test_ratio",
                             "--validation_ratio",
                             "--train",
                             "--valid ",
                             "--test ",
                             "--core"})
    EXPECT_THAT(help.output, HasSubstr(option));
  const auto version = program("--version");
  EXPECT_EQ(version.status, 0);
  EXPECT_THAT(version.output, StartsWith("neumf-preprocess 0."));
}

TEST(Program, WritesADataSetAndSaysSo) {
  const TemporaryDirectory directory;
  const std::string out = (directory / "out").string();
  const auto result =
      program("--synthetic 40x60x1200 --valid-negative=7 --min-ratings 5 --shards 2 -o " + out);
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("users 40  items 60  interactions 1,200  training positives 1,160"),
                    HasSubstr("dataset.h5"), HasSubstr("shard-0001-of-0002.h5")));
  EXPECT_EQ(open_master(out).int_attribute("valid_negative"), 7);
  expect_error("--synthetic 40x60x1200 --output " + out, "--overwrite");
  EXPECT_EQ(program("--synthetic 40x60x1200 --overwrite --output " + out).status, 0);
}

TEST(Program, ReportsWhatWasDropped) {
  const TemporaryDirectory directory;
  write_text(directory / "r.csv", "user_id,item_id,timestamp\n1,1,1\n1,2,2\n1,2,3\n2,1,1\n");
  const auto result =
      program(fmt::format("-i {0}/r.csv -o {0}/out --min_ratings 2", directory.path().string()));
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("dropped 1 users with fewer than 2 ratings (1 interactions)"),
                    HasSubstr("dropped 1 repeated interactions"), HasSubstr("warning: 1 users")));
}

TEST(Program, ReadsStandardInputAndSaysWhatItUnderstood) {
  const TemporaryDirectory directory;
  write_text(directory / "r.txt",
             "4|buy|a|x|2017-07-14\n3|view|a|y|2017-07-15\n5|buy|a|z|2017-07-16\n5|buy|b|z|2017-07-16\n");
  const auto result = execute(fmt::format("cat {0}/r.txt | " NEUMF_PREPROCESS
                                          " --input - -o {0}/out --min_ratings 1 --user-column 3 "
                                          "--item-column=4 --time_column 5 --rating_column 1 "
                                          "--header no --separator pipe --keep 2=buy --min_rating 4.5",
                                          directory.path().string()));
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("user: column 3, item: column 4, time: column 5, rating: column 1"),
                    HasSubstr("times: 2017-07-16 to 2017-07-16 (dates)"), HasSubstr("users 2  items 1"),
                    HasSubstr("left out 1 rows whose 2 is another than 'buy'"),
                    HasSubstr("left out 1 rows with ratings below 4.5")));
  const auto master = open_master(directory / "out");
  EXPECT_EQ(master.string_attribute("source"), "standard input");
  EXPECT_EQ(master.string_attribute("options"),
            "--format=csv --user_column=3 --item_column=4 --time_column=5 --rating_column=1 --header=no "
            "--separator=pipe --keep=2=buy --min_rating=4.5 --min_ratings=1 --valid_negative=100 --seed=1 "
            "--shards=1");
}

TEST(Program, WrongOptions) {
  expect_error("", "give --input FILE or --synthetic NAME");
  expect_error("--input x", "give --output DIR");
  expect_error("--input x --synthetic ml-1m --output y", "not both");
  expect_error("--bogus 1", "bogus");
  expect_error("--inp x --output y", "inp");  // no guessing
  expect_error("stray --input x --output y", "positional");
  expect_error("--input x --output y --format xml", "unknown format 'xml'");
  expect_error("--input x --output y --shards 0", "--shards is 0");
  expect_error("--input x --output y --shards -1", "--shards is -1");
  expect_error("--input x --output y --shards many", "shards");
  expect_error("--input x --output y --valid_negative 0", "--valid_negative is 0");
  expect_error("--input x --output y --separator ab", "must be one character");
  expect_error("--input x --output y --keep event", "must be a column and its values");
  expect_error("--input x --output y --quotes maybe", "--quotes is maybe: must be one of auto, csv, literal");
  expect_error("--input x --output y --core 5 --min_ratings 5", "--core K stands for");
  expect_error("--input x --output y --split none",
               "--split is none: must be one of last, random, ratio, time");
  expect_error("--input x --output y --test_ratio 0.3", "--test_ratio 0.3 goes with --split ratio or");
  expect_error("--input x --output y --split ratio --test_ratio 1",
               "--test_ratio is 1: must be above 0 and below 1");
  expect_error("--input x --output y --validation_ratio 0.3", "not with none");
  expect_error("--input x --output y --split time --time none", "leaves no times to split by");
  expect_error("--train x --output y", "give --train FILE and --test FILE");
  expect_error("--train x --test x --input x --output y", "not both");
  expect_error("--train x --test x --validation last --output y", "the validation's file is --valid FILE");
  expect_error("--train x --test x --core 5 --output y", "do not apply to --train and --test");
  expect_error("--synthetic 9x9x30 --split time --output y", "synthetic data have no times");
  expect_error("--synthetic ml-1m --format csv --output y", "--format does not go with --synthetic");
  const TemporaryDirectory directory;
  const std::string out = " --output " + (directory / "out").string();
  expect_error("--synthetic 3x3" + out, "unknown synthetic data set '3x3'");
  expect_error("--input /nonexistent.csv" + out, "/nonexistent.csv: no such file");
}

TEST(Program, DownloadScriptWithoutANetwork) {
  const TemporaryDirectory directory;
  const std::string folder = directory.path().string();
  const std::string script = "NEUMF_MOVIELENS_URL=file:///nonexistent " NEUMF_DOWNLOAD " ";
  const auto missing = execute(script + "ml-1m " + folder);
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.output, HasSubstr("put it at " + folder + "/ml-1m.zip"));
  write_text(directory / "ml-1m.zip", "not the archive");
  const auto wrong = execute(script + "ml-1m " + folder);
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.output, HasSubstr("its md5 is not c4d9eecfca2ab87c1945afe126590906"));
  EXPECT_EQ(execute(script + "ml-2m " + folder).status, 2);
  EXPECT_EQ(execute(script).status, 2);
}

TEST(Program, DownloadScriptRemovesADamagedDownload) {
  const TemporaryDirectory directory;
  if (execute("curl file:///dev/null").status != 0) GTEST_SKIP() << "no curl here";
  write_text(directory / "ml-100k.zip", "not the archive");
  const std::string folder = (directory / "to").string();
  const auto result = execute("NEUMF_MOVIELENS_URL=file://" + directory.path().string() +
                              " " NEUMF_DOWNLOAD " ml-100k " + folder);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("damaged"));
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

}  // namespace
}  // namespace neumf::test
