// Where the bytes come from: pipes, several files, parts in archives; and files that are no text.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "digest.hpp"
#include "input_directory.hpp"
#include "neumf/core/error.hpp"
#include "preprocess.hpp"
#include "support.hpp"

namespace neumf::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

const std::string header = "user_id,item_id,timestamp\n";
const std::string part1 = "1,a,1500000010\n1,b,1500000020\n", part2 = "1,c,1500000030\n2,a,1500000040\n";

class Inputs : public testing::Test {
 protected:
  Data expected() { return run_text(header + part1 + part2); }
  // Of the named files of the directory.
  preprocess::Options options(const std::vector<std::string>& names) {
    auto result = small_options({}, directory_ / ("out" + std::to_string(count_++)));
    result.inputs.clear();
    for (const auto& name : names) result.inputs.push_back(name == "-" ? fs::path(name) : directory_ / name);
    return result;
  }
  // Runs while `bytes` are written to a pipe in the file system.
  std::string run_pipe(const std::string& bytes, preprocess::Options& o) {
    const fs::path pipe = directory_ / "pipe";
    fs::remove(pipe);
    require(::mkfifo(pipe.c_str(), 0600) == 0, "cannot make a pipe");
    o.inputs = {pipe};
    std::thread writer([&] { std::ofstream(pipe, std::ios::binary) << bytes; });
    const std::string error = error_of(o);
    writer.join();
    return error;
  }
  TemporaryDirectory directory_;
  int count_ = 0;
};

TEST_F(Inputs, SeveralFilesAreOne) {
  write_text(directory_ / "1.csv", header + part1);
  write_text(directory_ / "2.csv", header + part2);
  write_text(directory_ / "tail.csv", part2);  // as split(1) cuts
  write_text(directory_ / "other.csv", "timestamp,user_id,item_id\n1500000030,1,c\n1500000040,2,a\n");
  EXPECT_EQ(run(options({"1.csv", "2.csv"})), expected());
  EXPECT_EQ(run(options({"1.csv", "tail.csv"})), expected());
  EXPECT_EQ(run(options({"1.csv", "other.csv"})), expected());
  auto o = options({"1.csv", "2.csv"});
  run(o);
  const auto master = open_master(o.output);
  EXPECT_EQ(master.string_attribute("source"), "1.csv, 2.csv");
  EXPECT_EQ(master.string_attribute("source_xxh128"),
            preprocess::digest_of_text(header + part1) + ", " + preprocess::digest_of_text(header + part2));
  write_text(directory_ / "bad.csv", header + "1,c,1500000030\n2,a\n");
  EXPECT_THAT(error_of(options({"1.csv", "bad.csv"})), HasSubstr("bad.csv:3: "));
}

// Seconds, milliseconds and dates have no common order.
TEST_F(Inputs, TimesOfFilesAreOfOneKind) {
  write_text(directory_ / "1.csv", header + "1,a,2017-07-14\n1,b,2017-07-15\n");
  write_text(directory_ / "2.csv", "item_id,user_id,timestamp\nc,1,1500000000000\nd,1,1600000000000\n");
  EXPECT_THAT(error_of(options({"1.csv", "2.csv"})),
              AllOf(HasSubstr("2.csv: its times are numbers"), HasSubstr("1.csv are dates")));
  EXPECT_THAT(error_of(options({"2.csv", "1.csv"})), HasSubstr("1.csv: its times are dates"));
}

TEST_F(Inputs, Pipes) {
  auto o = options({});
  EXPECT_EQ(run_pipe(header + part1 + part2, o), "");
  EXPECT_EQ(read_data(o.output), expected());
  EXPECT_EQ(open_master(o.output).string_attribute("source_xxh128"),
            preprocess::digest_of_text(header + part1 + part2));

  write_gz(directory_ / "r.gz", header + part1 + part2);
  auto compressed = options({});
  EXPECT_EQ(run_pipe(read_text(directory_ / "r.gz"), compressed), "");
  EXPECT_EQ(read_data(compressed.output), expected());
  EXPECT_EQ(open_master(compressed.output).string_attribute("source_xxh128"),
            preprocess::digest_of_file(directory_ / "r.gz"));

  write_zip(directory_ / "r.zip", {{"r.csv", header + part1}});
  auto zip = options({});
  EXPECT_THAT(run_pipe(read_text(directory_ / "r.zip"), zip), HasSubstr("unzip -p"));
}

TEST_F(Inputs, PartsInAnArchive) {
  write_zip(
      directory_ / "parts.zip",
      {{"d/part-1.csv", header + part1}, {"d/part-2.csv", header + part2}, {"d/items.csv", "id,title\n"}});
  EXPECT_THAT(error_of(options({"parts.zip"})), HasSubstr("3 files that could be meant"));
  auto o = options({"parts.zip"});
  o.reading.members = {"part-*.csv"};
  EXPECT_EQ(run(o), expected());
  o = options({"parts.zip"});
  o.reading.members = {"part-1.csv"};
  EXPECT_THAT(run(o).users, ElementsAre("1"));
  // The only file of an archive, whatever it is called.
  write_zip(directory_ / "one.zip", {{"checkins.txt", header + part1 + part2}});
  EXPECT_EQ(run(options({"one.zip"})), expected());
}

TEST_F(Inputs, KindsOfFilesThatAreNoText) {
  using namespace std::string_literals;
  for (const auto& [bytes, name] :
       {std::pair{"PAR1\x15\x04"s, "a Parquet file"}, std::pair{"ARROW1\0\0"s, "an Arrow IPC"},
        std::pair{"\x89HDF\r\n\x1a\n"s, "an HDF5 file"}, std::pair{"7z\xbc\xaf\x27\x1c"s, "a 7z archive"},
        std::pair{"%PDF-1.4"s, "a PDF document"}, std::pair{"SQLite format 3\0"s, "an SQLite database"},
        std::pair{"\xff\xfeu\0s\0"s, "UTF-16"}, std::pair{"u\0s\0e\0r\0,\0i\0"s, "UTF-16"},
        std::pair{"<!DOCTYPE html><html>"s, "a web page"},
        std::pair{"version https://git-lfs.github.com"s, "Git LFS"},
        std::pair{"user,item\n\0\0\0"s, "zero bytes"}, std::pair{"user,item\r1,2\r"s, "CR alone"}}) {
    write_text(directory_ / "x", bytes);
    EXPECT_THAT(error_of(options({"x"})), AllOf(HasSubstr("/x: "), HasSubstr(name)));
  }
  // Also where it is compressed, and with the way to pass it on.
  write_gz(directory_ / "x.gz", "PAR1\x15\x04");
  EXPECT_THAT(error_of(options({"x.gz"})), AllOf(HasSubstr("a Parquet file"), HasSubstr("--input -")));
  write_zip(directory_ / "book.xlsx", {{"[Content_Types].xml", "x"}, {"xl/workbook.xml", "x"}});
  EXPECT_THAT(error_of(options({"book.xlsx"})), HasSubstr("an Excel or other Office file"));
}

// Whichever file has them, and however far down.
TEST_F(Inputs, IntegersThatPandasMadeDecimalsAreDoubtedInEveryFile) {
  write_text(directory_ / "1.csv", header + part1);
  write_text(directory_ / "same.csv", header + "3,c,1500000030\n1.0,d,1500000040\n");
  write_text(directory_ / "other.csv", "item_id,user_id,timestamp\nc,3,1500000030\n7.0,1,1500000040\n");
  const auto said = [&](const std::string& second) {
    return preprocess::preprocess(options({"1.csv", second}));
  };
  EXPECT_THAT(said("same.csv"), HasSubstr("same.csv: user ids such as '1.0' in column 'user_id' are texts"));
  EXPECT_THAT(said("other.csv"),
              HasSubstr("other.csv: item ids such as '7.0' in column 'item_id' are texts"));
}

TEST_F(Inputs, DirectoriesOfTables) {
  using preprocess::with_files_of_directories;
  const auto table = directory_ / "table.parquet";
  std::filesystem::create_directories(table);
  write_text(directory_ / "1.csv", header + part1);
  EXPECT_THAT(with_files_of_directories({table, "-"}), ElementsAre(table, "-"));
  for (const char* name :
       {"part-1.parquet", "part-0.parquet", "_metadata", ".part-0.parquet.crc", "part-2.arrow"})
    write_text(table / name, std::string(name).ends_with("arrow") ? "ARROW1" : "PAR1");
  write_text(table / "README", "text");
  EXPECT_THAT(with_files_of_directories({directory_ / "1.csv", table}),
              ElementsAre(directory_ / "1.csv", table / "part-0.parquet", table / "part-1.parquet",
                          table / "part-2.arrow"));
  std::filesystem::create_directories(table / "2024");
  EXPECT_THAT([&] { (void)with_files_of_directories({table}); },
              ThrowsMessage<Error>(HasSubstr("holds a directory (2024) beside its tables")));
  std::filesystem::remove(table / "2024");
  std::filesystem::create_directories(table / "event=buy");
  EXPECT_THAT([&] { (void)with_files_of_directories({table}); },
              ThrowsMessage<Error>(HasSubstr("event=buy")));
}

TEST_F(Inputs, JsonOfOtherForms) {
  const auto error = [&](const std::string& text) {
    write_text(directory_ / "x.json", text);
    return error_of(options({"x.json"}));
  };
  EXPECT_THAT(error("[{\"user_id\":1}]\n"), HasSubstr("one JSON array"));
  EXPECT_THAT(error("{\n  \"user_id\": 1\n}\n"), AllOf(HasSubstr("is not JSON lines"), HasSubstr("jq -c .")));
  EXPECT_THAT(error("{u'user_id': u'a'}\n"),
              AllOf(HasSubstr("Python's notation"), HasSubstr("ast.literal_eval")));
  EXPECT_THAT(error("{'user_id': 'a'}\n"), HasSubstr("Python's notation"));
  const std::string good = "{\"user_id\":\"a\",\"item_id\":\"x\",\"timestamp\":1500000000}\n";
  EXPECT_THAT(error(good + "{\"user_id\":\"a\",\"item_id\":\n"),
              AllOf(HasSubstr("x.json:2:"), HasSubstr("not JSON")));
  EXPECT_THAT(error(good + "{\"user_id\":{\"id\":1},\"item_id\":\"y\",\"timestamp\":1}\n"),
              AllOf(HasSubstr("x.json:2:"), HasSubstr("'user_id' is neither a text nor a number")));
  EXPECT_THAT(error(good + "{\"user_id\":null,\"item_id\":\"y\",\"timestamp\":1500000001}\n"),
              AllOf(HasSubstr("x.json:2: the user is empty"), HasSubstr("--missing drop")));
}

}  // namespace
}  // namespace neumf::test
