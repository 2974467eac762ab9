// The rows of one block of a ratings file.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "time_text.hpp"

namespace neumf::preprocess {

// An id as the file has it: an integer in canonical form, or else any text.
struct RawId {
  std::int64_t number = 0;  // or the index in ParsedBlock::texts
  bool is_text = false;
};

// A canonical decimal integer (no sign but '-', no leading zeros) that fits 64 bits.
std::optional<std::int64_t> parse_canonical_integer(std::string_view text);

struct ParsedBlock {
  struct Row {
    RawId user, item;
    Time time;
  };
  struct Place {
    std::uint64_t line;  // within the block, from 0
    std::string reason, content;
  };

  std::unique_ptr<const std::string> text;  // what `texts` points into; must not move with the block
  std::shared_ptr<const void> source;       // or this, where there is no text
  std::deque<std::string> unescaped;        // and this
  std::vector<std::string_view> texts;      // ids that are not integers
  std::vector<Row> rows;
  std::uint64_t lines = 0;
  std::optional<Place> bad;  // the first bad line; parsing stops there

  // Rows that are not in `rows`.
  std::uint64_t missing = 0;                           // without a user, an item or a time
  std::optional<Place> first_missing;                  //
  std::uint64_t low_rated = 0;                         // below --min_rating
  std::vector<std::uint64_t> not_kept;                 // by each --keep
  std::vector<std::vector<bool>> kept_values;          // which of its values were there
  std::vector<std::vector<std::string>> other_values;  // and a few of the others

  // "user ids such as '7.0' in column 'user'": of the first that is an integer but for its fraction.
  std::string decimal_user, decimal_item;

  Time least{INT64_MAX, 0}, most{INT64_MIN, 0};  // of the rows
  bool zoned = false, unzoned = false;           // times of ISO 8601 with and without a zone
};

}  // namespace neumf::preprocess
