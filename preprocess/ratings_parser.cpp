#include "ratings_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace neumf::preprocess {
namespace {

constexpr std::size_t longest_id = 255;
constexpr std::uint32_t nanoseconds_per_second = 1'000'000'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\r' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

template <class T>
std::optional<T> parse_all(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Digits only, at most 18: the case of nearly every field.
bool parse_short_digits(std::string_view text, std::int64_t& value) {
  if (text.empty() || text.size() > 18) return false;
  std::int64_t result = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    result = result * 10 + (c - '0');
  }
  value = result;
  return true;
}

// The parser of one block.
class Parser {
 public:
  Parser(std::string text, const RatingsFormat& format) : format_(format) {
    block_.text = std::make_unique<const std::string>(std::move(text));
  }

  ParsedBlock run(bool skip_header) {
    const char* p = block_.text->data();
    const char* const end = p + block_.text->size();
    block_.rows.reserve(block_.text->size() / 20);
    if (skip_header) {
      const auto* line_end = static_cast<const char*>(std::memchr(p, '\n', block_.text->size()));
      p = line_end == nullptr ? end : line_end + 1;
      ++block_.lines;
    }
    while (p < end && parse_record(p, end)) {
    }
    return std::move(block_);
  }

 private:
  // Parses the record at `p` and moves behind it; false if it is bad.
  bool parse_record(const char*& p, const char* end) {
    const char* const start = p;
    Field user, item, time;
    bool quoted = false, unterminated = false;
    int columns = 0;
    for (;; ++columns) {
      const Field field = scan_field(p, end, format_.separator);
      quoted |= field.quoted;
      unterminated |= field.unterminated;
      if (columns == format_.user_column)
        user = field;
      else if (columns == format_.item_column)
        item = field;
      else if (columns == format_.time_column)
        time = field;
      if (p == end || *p == '\n') break;
      p += format_.separator.width();
    }
    ++columns;
    record_ = {start, static_cast<std::size_t>(p - start)};
    if (unterminated) return bad("a quoted field is not closed");
    if (columns == 1 && trimmed(record_).empty()) return finish(p, end, quoted);  // a blank line
    if (columns < format_.min_columns || (format_.max_columns > 0 && columns > format_.max_columns))
      return bad(fmt::format("{} columns where {}{} are expected", columns,
                             format_.max_columns > 0 ? "" : "at least ", format_.min_columns));
    ParsedBlock::Row row;
    if (!parse_id(user, "user", row.user) || !parse_id(item, "item", row.item)) return false;
    if (format_.time_column != RatingsFormat::no_column) {
      const std::string_view text = trimmed(time.text);
      if (!parse_short_digits(text, row.time.seconds)) {
        const auto parsed = parse_time(text);
        if (!parsed) return bad(fmt::format("the timestamp '{}' is not a number", printable(text)));
        row.time = *parsed;
      }
    }
    block_.rows.push_back(row);
    return finish(p, end, quoted);
  }

  bool finish(const char*& p, const char* end, bool quoted) {
    if (quoted) block_.lines += static_cast<std::uint64_t>(std::count(record_.begin(), record_.end(), '\n'));
    ++block_.lines;
    if (p < end) ++p;
    return true;
  }

  bool bad(std::string reason) {
    block_.bad = {block_.lines, std::move(reason), printable(record_)};
    return false;
  }

  bool parse_id(const Field& field, const char* what, RawId& id) {
    const std::string_view text = trimmed(field.text);
    // Leading zeros make an id a text, except in formats whose ids are integers.
    if ((!format_.text_ids || text.size() == 1 || !text.starts_with('0')) &&
        parse_short_digits(text, id.number))
      return true;
    if (text.empty()) return bad(fmt::format("the {} id is empty", what));
    const auto number = format_.text_ids ? parse_canonical_integer(text) : parse_all<std::int64_t>(text);
    if (number) {
      id.number = *number;
      return true;
    }
    if (!format_.text_ids) return bad(fmt::format("the {} id '{}' is not an integer", what, printable(text)));
    if (text.size() > longest_id)
      return bad(fmt::format("the {} id is longer than {} bytes", what, longest_id));
    if (text.find('\0') != std::string_view::npos)
      return bad(fmt::format("the {} id holds a NUL byte", what));
    id = {static_cast<std::int64_t>(block_.texts.size()), true};
    block_.texts.push_back(field.escaped ? unescape(text) : text);
    return true;
  }

  std::string_view unescape(std::string_view text) {
    std::string& result = block_.unescaped.emplace_back();
    for (std::size_t i = 0; i < text.size(); ++i) {
      result += text[i];
      if (text[i] == '"') ++i;
    }
    return result;
  }

  const RatingsFormat& format_;
  ParsedBlock block_;
  std::string_view record_;
};

}  // namespace

std::optional<std::int64_t> parse_canonical_integer(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || !is_digit(digits.front()) || (digits.front() == '0' && text.size() > 1))
    return std::nullopt;
  return parse_all<std::int64_t>(text);
}

std::optional<Time> parse_time(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (const auto seconds = parse_all<std::int64_t>(text)) return Time{*seconds, 0};
  const bool negative = text.starts_with('-');
  const std::string_view digits = negative ? text.substr(1) : text;
  const std::size_t point = digits.find('.');
  Time time;
  const auto all_digits = [](std::string_view part) {
    return std::all_of(part.begin(), part.end(), is_digit);
  };
  if (point != std::string_view::npos && digits.size() > 1 && all_digits(digits.substr(0, point)) &&
      all_digits(digits.substr(point + 1))) {
    // Decimals are read exactly: a double would merge times that differ in the last digits.
    if (point > 0) {
      const auto seconds = parse_all<std::int64_t>(digits.substr(0, point));
      if (!seconds) return std::nullopt;
      time.seconds = *seconds;
    }
    std::uint32_t unit = nanoseconds_per_second / 10;
    for (const char c : digits.substr(point + 1)) {
      time.nanoseconds += unit * static_cast<std::uint32_t>(c - '0');
      unit /= 10;
    }
  } else {
    const auto value = parse_all<double>(digits);
    if (!value || !std::isfinite(*value) || *value < 0 || *value >= 0x1p63) return std::nullopt;
    const double whole = std::floor(*value);
    time.seconds = static_cast<std::int64_t>(whole);
    time.nanoseconds = static_cast<std::uint32_t>((*value - whole) * nanoseconds_per_second);
  }
  if (negative) {
    time.seconds = -time.seconds;
    if (time.nanoseconds > 0) {
      --time.seconds;
      time.nanoseconds = nanoseconds_per_second - time.nanoseconds;
    }
  }
  return time;
}

ParsedBlock parse_block(std::string text, const RatingsFormat& format, bool skip_header) {
  return Parser(std::move(text), format).run(skip_header);
}

}  // namespace neumf::preprocess
