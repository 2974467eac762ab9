// Numbers, blocks and fields.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "block_reader.hpp"
#include "id_map.hpp"
#include "neumf/core/error.hpp"
#include "ratings_parser.hpp"
#include "support.hpp"
#include "table_sample.hpp"

namespace neumf::preprocess {
namespace {

using testing::ElementsAre;

std::pair<std::int64_t, std::uint32_t> time_of(const char* text) {
  const auto time = parse_time(text);
  EXPECT_TRUE(time.has_value()) << text;
  return time ? std::pair(time->seconds, time->nanoseconds) : std::pair<std::int64_t, std::uint32_t>(-999, 0);
}

TEST(Time, IntegersAndDecimals) {
  EXPECT_EQ(time_of("978824351"), std::pair(978824351l, 0u));
  EXPECT_EQ(time_of("978824351.0"), std::pair(978824351l, 0u));
  EXPECT_EQ(time_of("978824351.25"), std::pair(978824351l, 250'000'000u));
  EXPECT_EQ(time_of("1.0000000019"), std::pair(1l, 1u));
  EXPECT_EQ(time_of(".5"), std::pair(0l, 500'000'000u));
  EXPECT_EQ(time_of("-1.5"), std::pair(-2l, 500'000'000u));
  EXPECT_EQ(time_of("9.78824351e8"), std::pair(978824351l, 0u));
  EXPECT_EQ(time_of("1537799250123456789"), std::pair(1537799250123456789l, 0u));
}

TEST(Time, RejectsEverythingElse) {
  for (const char* text : {"", " ", "x", "12x", "1.2.3", ".", "-", "--1", "nan", "inf", "2015-01-01", "1e30",
                           "99999999999999999999.5"})
    EXPECT_FALSE(parse_time(text).has_value()) << text;
}

TEST(CanonicalInteger, OnlyOneSpellingOfANumber) {
  EXPECT_EQ(parse_canonical_integer("0"), 0);
  EXPECT_EQ(parse_canonical_integer("-17"), -17);
  EXPECT_EQ(parse_canonical_integer("9223372036854775807"), INT64_MAX);
  for (const char* text : {"", "-", "-0", "007", "+1", "1.0", "9223372036854775808", "1 "})
    EXPECT_FALSE(parse_canonical_integer(text).has_value()) << text;
}

TEST(IdMap, NumbersAndTextsShareOneOrder) {
  IdMap map;
  EXPECT_EQ(map.add(50), 0u);
  EXPECT_EQ(map.add(-3), 1u);
  EXPECT_EQ(map.add(std::int64_t{1} << 40), 2u);
  EXPECT_EQ(map.add(50), 0u);
  EXPECT_TRUE(map.all_numbers());
  EXPECT_EQ(map.add(std::string_view("b7")), 3u);
  EXPECT_EQ(map.add(16'777'215), 4u);
  EXPECT_EQ(map.add(std::string_view("b7")), 3u);
  EXPECT_EQ(map.find("-3"), 1u);
  EXPECT_EQ(map.find("16777215"), 4u);
  EXPECT_EQ(map.find("b8"), std::nullopt);
  EXPECT_EQ(map.find("51"), std::nullopt);
  const std::vector<std::uint32_t> all = {0, 1, 2, 3, 4};
  EXPECT_THAT(std::get<std::vector<std::string>>(map.select(all)),
              ElementsAre("50", "-3", "1099511627776", "b7", "16777215"));
}

class TextStream final : public InputStream {
 public:
  explicit TextStream(std::string text) : text_(std::move(text)) {}
  std::size_t read(std::span<char> out) override {
    const std::size_t count = text_.copy(out.data(), out.size(), at_);
    at_ += count;
    return count;
  }
  std::uint64_t position() const override { return at_; }
  std::string name() const override { return "text"; }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

// Block sizes from one byte on: every cut is somewhere a cut.
TEST(BlockReader, WholeRecordsInOrderForAnyBlockSize) {
  const std::string text = "a,b\n\"x\ny\",2\n\n\"q\"\"\n\",3\r\nlast,4";
  for (std::size_t block = 1; block < text.size() + 2; ++block) {
    TextStream stream("\xef\xbb\xbf" + text);
    if (block < 3) continue;  // a byte order mark needs three
    BlockReader reader(stream, block);
    EXPECT_EQ(reader.first_line(), "a,b");
    reader.set_separator({',', false, true});
    std::string joined;
    for (std::string part = reader.next(); !part.empty(); part = reader.next()) {
      const std::string before = joined;
      joined += part;
      if (joined.size() == text.size()) continue;
      EXPECT_EQ(part.back(), '\n') << block;
      // Not inside the quoted fields.
      EXPECT_NE(joined.size(), text.find("y\"")) << block;
      EXPECT_NE(joined.size(), text.find("\",3")) << block;
    }
    EXPECT_EQ(joined, text) << block;
  }
}

TEST(Parser, CountsLinesInsideQuotedFields) {
  const std::string text = "\"two\nlines\",1,2,3\nplain,4,5,oops\n";
  const RatingsFormat format = detect_format({}, "note,user_id,item_id,timestamp\n" + text, true, "f");
  const auto block = parse_block(text, format, false);
  ASSERT_EQ(block.rows.size(), 1u);
  EXPECT_EQ(block.rows[0].user.number, 1);
  EXPECT_EQ(block.rows[0].item.number, 2);
  ASSERT_TRUE(block.bad.has_value());
  EXPECT_EQ(block.bad->line, 2u);
  EXPECT_EQ(block.bad->content, "plain,4,5,oops");
}

TEST(Printable, ShortensAndEscapes) {
  EXPECT_EQ(printable("a\tb\x01\xff"), "a\\tb\\x01\\xff");
  EXPECT_EQ(printable(std::string(1000, 'x')), std::string(80, 'x') + "...");
}

}  // namespace
}  // namespace neumf::preprocess
