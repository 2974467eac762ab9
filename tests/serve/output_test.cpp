#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "neumf/core/error.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/serve/latency.hpp"
#include "neumf/serve/output_file.hpp"
#include "neumf/serve/recommendation_writer.hpp"
#include "temporary_directory.hpp"

namespace neumf::serve {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t files(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

TEST(OutputFile, AppearsWhenItIsPublished) {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "out") << "old";
  {
    OutputFile file(directory / "out");
    file.write("new ");
    file.write("text");
    EXPECT_EQ(content(directory / "out"), "old");
    file.publish();
  }
  EXPECT_EQ(content(directory / "out"), "new text");
  {
    OutputFile file(directory / "out");
    file.write("lost");
  }
  EXPECT_EQ(content(directory / "out"), "new text");
  EXPECT_EQ(files(directory.path()), 1u);
}

TEST(OutputFile, FollowsLinksAndLeavesDevicesInPlace) {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "out") << "old";
  std::filesystem::create_symlink("out", directory / "link");
  std::filesystem::create_symlink("/dev/null", directory / "null");
  for (const char* name : {"link", "null"}) {
    OutputFile file(directory / name);
    file.write("new");
    file.publish();
  }
  EXPECT_TRUE(std::filesystem::is_symlink(directory / "link"));
  EXPECT_EQ(content(directory / "out"), "new");
  EXPECT_TRUE(std::filesystem::is_character_file(directory / "null"));
}

TEST(OutputFile, SaysWhatIsWrong) {
  const test::TemporaryDirectory directory;
  EXPECT_THAT([&] { OutputFile file(directory.path()); },
              ThrowsMessage<Error>(HasSubstr("this is a directory")));
  EXPECT_THAT([&] { OutputFile("/no/such/directory/out").write("x"); },
              ThrowsMessage<Error>(HasSubstr("/no/such/directory/out: cannot create")));
  OutputFile full("/dev/full");
  EXPECT_THAT(
      [&] {
        full.write("x");
        full.publish();
      },
      ThrowsMessage<Error>(HasSubstr("/dev/full: cannot write")));
}

class Writers : public testing::Test {
 protected:
  std::filesystem::path written(OutputFormat format, const Catalogue& catalogue) {
    const auto path = directory_ / "out";
    std::filesystem::remove(path);
    const auto writer = make_recommendation_writer(format, path, catalogue, 3, 2);
    const std::vector<std::string> users{"7", "x,y", "new"};
    const std::vector<std::uint8_t> known{1, 1, 0};
    constexpr float none = -std::numeric_limits<float>::infinity();
    writer->write(std::span(users).first(2), std::span(known).first(2),
                  {{1, 0, 2, ops::no_item}, {0.5f, 0.25f, -1.5f, none}});
    writer->write(std::span(users).last(1), std::span(known).last(1), {{0, 1}, {9, 9}});
    EXPECT_FALSE(std::filesystem::exists(path));
    writer->publish();
    return path;
  }

  test::TemporaryDirectory directory_;
  Catalogue bare_{{"a", "b\"", "c"}, {}};
  Catalogue titled_{{"a", "b\"", "c"}, {"One, two", "", "Amélie"}};
};

TEST_F(Writers, WriteCsv) {
  EXPECT_EQ(content(written(OutputFormat::csv, bare_)),
            "user_id,rank,item_id,score\n7,1,\"b\"\"\",0.5\n7,2,a,0.25\n\"x,y\",1,c,-1.5\nnew,1,a,\nnew,2,"
            "\"b\"\"\",\n");
  EXPECT_THAT(content(written(OutputFormat::csv, titled_)),
              HasSubstr("7,2,a,0.25,\"One, two\"\n\"x,y\",1,c,-1.5,Amélie\n"));
}

TEST_F(Writers, WriteJsonLines) {
  std::istringstream lines(content(written(OutputFormat::jsonl, titled_)));
  std::vector<nlohmann::json> users;
  for (std::string line; std::getline(lines, line);) users.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(users.size(), 3u);
  EXPECT_EQ(users[0], nlohmann::json::parse(R"({"user": "7", "known": true, "items":
      [{"item": "b\"", "score": 0.5}, {"item": "a", "score": 0.25, "title": "One, two"}]})"));
  EXPECT_EQ(users[1]["items"].size(), 1u);
  EXPECT_EQ(users[2], nlohmann::json::parse(R"({"user": "new", "known": false, "items":
      [{"item": "a", "title": "One, two"}, {"item": "b\""}]})"));
}

TEST_F(Writers, WriteHdf5) {
  const auto file = hdf5::File::open(written(OutputFormat::hdf5, titled_));
  EXPECT_THAT(file.read_strings("/users"), ElementsAre("7", "x,y", "new"));
  EXPECT_THAT(file.read<std::uint8_t>("/known"), ElementsAre(1, 1, 0));
  EXPECT_THAT(file.read<std::uint32_t>("/items"), ElementsAre(1, 0, 2, ops::no_item, 0, 1));
  const auto scores = file.read<float>("/scores");
  EXPECT_EQ(scores[2], -1.5f);
  for (const std::size_t i : {3, 4, 5}) EXPECT_TRUE(std::isnan(scores[i])) << i;
  EXPECT_THAT(file.read_strings("/catalogue/ids"), ElementsAre("a", "b\"", "c"));
  EXPECT_THAT(file.read_strings("/catalogue/titles"), ElementsAre("One, two", "", "Amélie"));
}

TEST_F(Writers, LeaveNothingUnlessPublished) {
  for (const auto format : {OutputFormat::csv, OutputFormat::jsonl, OutputFormat::hdf5}) {
    make_recommendation_writer(format, directory_ / "out", bare_, 3, 2);
    EXPECT_EQ(files(directory_.path()), 0u);
  }
  EXPECT_THAT([&] { make_recommendation_writer(OutputFormat::hdf5, "", bare_, 3, 2); },
              ThrowsMessage<Error>(HasSubstr("regular file")));
}

TEST(Latency, PercentilesAreValuesThatOccurred) {
  std::vector<double> hundred;
  for (int i = 1; i <= 100; ++i) hundred.push_back(i);
  EXPECT_EQ(percentile(hundred, 0.90), 90);
  EXPECT_EQ(percentile(hundred, 0.99), 99);
  const std::vector<double> three{1, 2, 3};
  EXPECT_EQ(percentile(three, 0.5), 2);
  EXPECT_EQ(percentile(three, 0.99), 3);
  EXPECT_EQ(percentile(three, 0.0), 1);
}

}  // namespace
}  // namespace neumf::serve
