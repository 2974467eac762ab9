// Numbers, blocks and fields.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "block_reader.hpp"
#include "digits.hpp"
#include "id_map.hpp"
#include "item_sorter.hpp"
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

TEST(Digits, AreReadEightAtATime) {
  const std::string behind[] = {",", "\n", "\xff\xff", "a", " ", "/", ":"};
  std::mt19937_64 random(3);
  for (int length = 0; length <= 17; ++length)
    for (const auto& end : behind) {
      std::string digits;
      for (int i = 0; i < length; ++i) digits += static_cast<char>('0' + random() % 10);
      const std::string text = digits + end + "12345678901234567";
      const char* p = text.data();
      std::int64_t value = -1;
      const bool taken = take_digits(p, text.data() + text.size() - 8, value);
      EXPECT_EQ(taken, length > 0 && length < 16) << text;
      if (!taken) continue;
      EXPECT_EQ(value, std::stoll(digits)) << text;
      EXPECT_EQ(p, text.data() + length) << text;
    }
  for (int at = 0; at <= 8; ++at) {
    std::string text(8, 'x');
    if (at < 8) text[static_cast<std::size_t>(at)] = at % 2 == 0 ? ',' : '\n';
    if (at < 7) text[static_cast<std::size_t>(at) + 1] = ',';
    EXPECT_EQ(find_either(eight_characters(text.data()), ',', '\n'), at);
  }
}

// Frequent rows are read in another way than others, and than the last of a block: whichever way, the outcome
// is the same. Every line by itself is the last of its block.
class Lines {
 public:
  Lines(const RatingsFormat& format, std::uint64_t seed) : format_(format), random_(seed) {}

  std::string next() {
    std::string line;
    const std::string separator(format_.separator.width(), format_.separator.character);
    for (int column = 0; column < 4; ++column) {
      if (column > 0) line += separator;
      if (column == format_.time_column)
        line += format_.time_kind == TimeKind::iso ? of(dates_, strange_dates_) : of(times_, strange_times_);
      else
        line += column == format_.rating_column ? of(ratings_, strange_) : of(ids_, strange_);
    }
    if (rarely()) line += separator;
    return line + (rarely() ? "\r\n" : "\n");
  }

 private:
  using Texts = std::vector<std::string>;
  bool rarely() { return random_() % 40 == 0; }
  const std::string& of(const Texts& usual, const Texts& strange) {
    const Texts& texts = rarely() ? strange : usual;
    return texts[random_() % texts.size()];
  }

  const RatingsFormat& format_;
  std::mt19937_64 random_;
  const Texts ids_ = {"1", "70", "131262", "12345678", "123456789012"},
              strange_ = {"\"5\"", "\"a \"\"b\"\"\"",   " 7",   "7\t", "-7", "007",
                          "B00X",  "12345678901234567", "NULL", ""},
              ratings_ = {"3.5", "5", "a long text that is passed over", ""},
              times_ = {"978300760", "1500000000123", "1500000000", "0"},
              strange_times_ = {"1500000000.25", " 5", "-5", "1500000000123456789", "soon", ""},
              dates_ = {"2017-07-14 03:02:12", "2016-02-29T23:59:60", "2017-07-14", "1969-12-31 23:59:59"},
              strange_dates_ = {"2017-02-29 00:00:00", "2017-07-14 03:02:12.5", "2017-07-14 03:02:12Z",
                                "2017/07/14 03:02:12", "2017-07-14 03;02:12",   "2017-07-14 25:00:00",
                                "2017-07-14 03:02",    "2017-07-14 0a:02:12"};
};

using Row = std::tuple<std::string, std::string, std::int64_t, std::uint32_t>;

std::vector<Row> rows_of(const ParsedBlock& block) {
  const auto text = [&](const RawId& id) {
    return id.is_text ? "text " + std::string(block.texts[static_cast<std::size_t>(id.number)])
                      : std::to_string(id.number);
  };
  std::vector<Row> rows;
  for (const auto& row : block.rows)
    rows.emplace_back(text(row.user), text(row.item), row.time.seconds, row.time.nanoseconds);
  return rows;
}

TEST(Parser, ReadsManyRowsAsEachByItself) {
  RatingsFormat format;
  format.missing = Missing::drop;
  std::size_t rows_in_all = 0, bad_in_all = 0;
  for (const Separator separator : {Separator{',', false, true}, Separator{',', false, false},
                                    Separator{'\t', false, false}, Separator{':', true, false}})
    for (const TimeKind kind : {TimeKind::number, TimeKind::iso, TimeKind::none})
      for (const bool text_ids : {true, false})
        for (std::uint64_t seed = 0; seed < 60; ++seed) {
          format.separator = separator;
          format.text_ids = text_ids;
          format.time_kind = kind;
          format.time_column = kind == TimeKind::none ? RatingsFormat::no_column : seed % 3 == 0 ? 0 : 3;
          format.user_column = seed % 3 == 0 ? 1 : 0;
          format.item_column = 2;
          format.rating_column = seed % 3 == 0 ? 3 : 1;
          Lines lines(format, seed);
          std::string text;
          std::vector<Row> want;
          std::optional<ParsedBlock::Place> bad;
          std::uint64_t missing = 0, count = 0;
          Time least{INT64_MAX, 0}, most{INT64_MIN, 0};
          bool zoned = false, unzoned = false;
          for (; count < 50 && !bad; ++count) {
            const std::string line = lines.next();
            text += line;
            const ParsedBlock block = parse_table(line, format, false);
            for (const auto& row : rows_of(block)) want.push_back(row);
            missing += block.missing;
            least = std::min(least, block.least);
            most = std::max(most, block.most);
            zoned |= block.zoned;
            unzoned |= block.unzoned;
            if (block.bad) bad = {count, block.bad->reason, block.bad->content};
          }
          const ParsedBlock got = parse_table(text, format, false);
          ASSERT_EQ(rows_of(got), want) << text;
          ASSERT_EQ(got.missing, missing) << text;
          ASSERT_EQ(got.bad.has_value(), bad.has_value()) << text;
          ASSERT_EQ(got.lines, bad ? bad->line : count) << text;
          ASSERT_TRUE(got.least == least && got.most == most && got.zoned == zoned && got.unzoned == unzoned)
              << text;
          ASSERT_EQ(bad ? got.bad->reason + got.bad->content : "", bad ? bad->reason + bad->content : "")
              << text;
          rows_in_all += want.size();
          bad_in_all += bad ? 1 : 0;
        }
  EXPECT_GT(rows_in_all, 10'000u);
  EXPECT_GT(bad_in_all, 100u);
}

// Lists on both sides of the length from which they are sorted by bytes, of numbers of one to four bytes.
TEST(ItemSorter, SortsWhateverTheirNumberAndSize) {
  std::mt19937_64 random(5);
  for (const std::uint32_t limit : {1u, 256u, 257u, 65536u, 65537u, 1u << 24, (1u << 24) + 1, UINT32_MAX}) {
    ItemSorter sorter(limit);
    for (const std::size_t count : {0u, 1u, 63u, 64u, 1000u, 70u}) {
      std::vector<std::uint32_t> items;
      for (std::size_t i = 0; i < count; ++i) items.push_back(static_cast<std::uint32_t>(random() % limit));
      if (count > 0) items.back() = limit - 1;
      auto want = items;
      std::sort(want.begin(), want.end());
      sorter.sort(items);
      ASSERT_EQ(items, want) << limit;
    }
  }
}

TEST(Printable, ShortensAndEscapes) {
  EXPECT_EQ(printable("a\tb\x01\xff"), "a\\tb\\x01\\xff");
  EXPECT_EQ(printable(std::string(1000, 'x')), std::string(80, 'x') + "...");
}

}  // namespace
}  // namespace neumf::preprocess
