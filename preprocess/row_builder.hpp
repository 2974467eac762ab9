// The fields of a record to a row of a block: what all formats have in common.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "parsed_block.hpp"
#include "ratings_format.hpp"

namespace neumf::preprocess {

// A field of a record. Absent fields are empty.
struct FieldText {
  std::string_view text;
  bool escaped = false;    // holds "" for "
  bool temporary = false;  // does not live as long as the block
};

class RowBuilder {
 public:
  RowBuilder(const RatingsFormat& format, ParsedBlock& block);

  // The case of nearly every row, without a call: ids and time are a few digits, and no filter is set. False
  // if it is another case: then nothing has happened, and add() decides.
  bool add_digits(std::string_view user, std::string_view item, std::string_view time) {
    ParsedBlock::Row row;
    if (!only_digits_ || !short_id(user, row.user.number) || !short_id(item, row.item.number)) return false;
    if (format_.has_times()) {
      if (!short_digits(time, row.time.seconds)) return false;
      block_.least = std::min(block_.least, row.time);
      block_.most = std::max(block_.most, row.time);
    }
    block_.rows.push_back(row);
    return true;
  }
  // `record` is the whole record, for messages; it begins at the block's line `block.lines`. Adds a row, or
  // counts why there is none. False if the record is bad: then block.bad says why.
  bool add(FieldText user, FieldText item, FieldText time, FieldText rating, std::span<const FieldText> keep,
           std::string_view record);

 private:
  enum class Outcome { taken, missing, bad };

  // Digits only, at most 18.
  static bool short_digits(std::string_view text, std::int64_t& value) {
    if (text.empty() || text.size() > 18) return false;
    std::int64_t result = 0;
    for (const char c : text) {
      if (c < '0' || c > '9') return false;
      result = result * 10 + (c - '0');
    }
    value = result;
    return true;
  }
  // Leading zeros make an id a text, except in formats whose ids are integers.
  bool short_id(std::string_view text, std::int64_t& value) const {
    return (!format_.text_ids || text.size() == 1 || !text.starts_with('0')) && short_digits(text, value);
  }
  bool filtered(FieldText rating, std::span<const FieldText> keep, Outcome& outcome);
  Outcome parse_id(FieldText field, const char* what, int column, RawId& id);
  void doubt_decimal(std::string_view text, const char* what, int column);
  Outcome parse_time_field(FieldText field, Time& time);
  Outcome lacks(const char* what, std::string_view text);
  Outcome bad(std::string reason);

  const RatingsFormat& format_;
  ParsedBlock& block_;
  std::string_view record_;
  bool filters_;
  bool only_digits_;  // add_digits() may be tried
};

}  // namespace neumf::preprocess
