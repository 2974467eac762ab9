// Text blocks to ratings.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ratings_format.hpp"

namespace neumf::preprocess {

// An id as the file has it: an integer in canonical form, or else any text.
struct RawId {
  std::int64_t number = 0;  // or the index in ParsedBlock::texts
  bool is_text = false;
};

// A point in time: only its order counts. `nanoseconds` is the decimal part, cut after nine digits.
struct Time {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
};

// Integers and decimals ("978824351", "978824351.25", "9.78824351e8"). Nothing for anything else.
std::optional<Time> parse_time(std::string_view text);
// A canonical decimal integer (no sign but '-', no leading zeros) that fits 64 bits.
std::optional<std::int64_t> parse_canonical_integer(std::string_view text);

struct ParsedBlock {
  struct Row {
    RawId user, item;
    Time time;
  };
  struct BadLine {
    std::uint64_t line;  // within the block, from 0
    std::string reason, content;
  };

  std::unique_ptr<const std::string> text;  // what `texts` points into; must not move with the block
  std::deque<std::string> unescaped;        // and this
  std::vector<std::string_view> texts;      // ids that are not integers
  std::vector<Row> rows;
  std::uint64_t lines = 0;
  std::optional<BadLine> bad;  // the first bad line; parsing stops there
};

// `skip_header`: the block starts with a header line.
ParsedBlock parse_block(std::string text, const RatingsFormat& format, bool skip_header);

}  // namespace neumf::preprocess
