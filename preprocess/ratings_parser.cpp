#include "ratings_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "json_lines.hpp"
#include "netflix.hpp"
#include "quick_rows.hpp"
#include "row_builder.hpp"
#include "table_sample.hpp"

namespace neumf::preprocess {
namespace {

// The parser of one block of a delimited file.
class Parser {
 public:
  Parser(std::string text, const RatingsFormat& format)
      : format_(format), rows_(format, block_), keep_(format.keep.size()) {
    block_.text = std::make_unique<const std::string>(std::move(text));
    if (format_.min_rating) rating_column_ = format_.rating_column;
  }

  ParsedBlock run(bool skip_header) {
    const char* p = block_.text->data();
    const char* const end = p + block_.text->size();
    block_.rows.reserve(block_.text->size() / 20);
    if (skip_header && p < end) pass_over_header(p, end);
    const auto quick = QuickRows::of(format_);
    do {
      if (quick) quick->read(p, end, block_);
    } while (p < end && parse_record(p, end));
    return std::move(block_);
  }

 private:
  static FieldText text_of(const Field& field) { return {field.text, field.escaped}; }

  void pass_over_header(const char*& p, const char* end) {
    const char* const start = p;
    for (;;) {
      scan_field(p, end, format_.separator);
      if (p == end || *p == '\n') break;
      p += format_.separator.width();
    }
    if (p < end) ++p;
    block_.lines += static_cast<std::uint64_t>(std::count(start, p, '\n'));
  }

  // Parses the record at `p` and moves behind it; false if it is bad.
  bool parse_record(const char*& p, const char* end) {
    const char* const start = p;
    Field user, item, time, rating;
    bool quoted = false, unterminated = false, damaged = false;
    int columns = 0;
    for (;; ++columns) {
      const Field field = scan_field(p, end, format_.separator);
      quoted |= field.quoted;
      unterminated |= field.unterminated;
      damaged |= field.damaged;
      if (columns == format_.user_column)
        user = field;
      else if (columns == format_.item_column)
        item = field;
      else if (columns == format_.time_column)
        time = field;
      else if (columns == rating_column_)
        rating = field;
      if (!keep_.empty()) [[unlikely]]
        take_keep(columns, field);
      if (p == end || *p == '\n') break;
      p += format_.separator.width();
    }
    ++columns;
    record_ = {start, static_cast<std::size_t>(p - start)};
    if (columns == 1 && trimmed(record_).empty()) return finish(p, end, quoted);  // a blank line
    if (quoted && !check_quotes(unterminated, damaged)) return false;
    if (columns < format_.min_columns)
      return bad(fmt::format("{} columns where {}{} are expected", columns,
                             format_.max_columns == format_.min_columns ? "" : "at least ",
                             format_.min_columns));
    if (format_.max_columns > 0 && columns > format_.max_columns && !only_blanks_behind(format_.max_columns))
      return bad(fmt::format("{} columns where {} are expected{}", columns, format_.max_columns,
                             record_.find('"') != std::string_view::npos && !format_.separator.quotes
                                 ? "; with --quotes csv a field in quotes may hold separators"
                                 : ""));
    return (rows_.add_digits(user.text, item.text, trimmed(time.text)) ||
            rows_.add(text_of(user), text_of(item), text_of(time), text_of(rating), keep_, record_)) &&
           finish(p, end, quoted);
  }

  void take_keep(int column, const Field& field) {
    for (std::size_t i = 0; i < keep_.size(); ++i)
      if (format_.keep_columns[i] == column) keep_[i] = text_of(field);
  }

  // A quote that was not meant as one must not swallow lines.
  bool check_quotes(bool unterminated, bool damaged) {
    constexpr const char* remedy = "; if quotes are ordinary characters in this file, give --quotes literal";
    if (damaged) return bad(fmt::format("text follows a closing quote{}", remedy));
    if (unterminated) return bad(fmt::format("a quoted field is not closed{}", remedy));
    if (format_.quotes_given || record_.find('\n') == std::string_view::npos) return true;
    for (std::string_view rest = record_;;) {
      const std::size_t end = rest.find('\n');
      if (static_cast<int>(literal_columns(rest.substr(0, end), format_.separator)) != format_.max_columns)
        return true;
      if (end == std::string_view::npos) break;
      rest = rest.substr(end + 1);
    }
    const auto lines = 1 + std::count(record_.begin(), record_.end(), '\n');
    return bad(
        fmt::format("a quoted field spans {} lines that are complete rows without their quotes; say "
                    "what quotes are with --quotes literal (ordinary characters) or --quotes csv",
                    lines));
  }

  // Whether all columns from `first` on are empty: lines may end in separators.
  bool only_blanks_behind(int first) const {
    const char* p = record_.data();
    const char* const end = p + record_.size();
    for (int column = 0;; ++column) {
      const Field field = scan_field(p, end, format_.separator);
      if (column >= first && !trimmed(field.text).empty()) return false;
      if (p == end) return true;
      p += format_.separator.width();
    }
  }

  bool finish(const char*& p, const char* end, bool quoted) {
    if (quoted) block_.lines += static_cast<std::uint64_t>(std::count(record_.begin(), record_.end(), '\n'));
    ++block_.lines;
    if (p < end) ++p;
    return true;
  }

  bool bad(std::string reason) {
    block_.bad = {block_.lines, std::move(reason), printable(record_.substr(0, record_.find('\n')))};
    return false;
  }

  const RatingsFormat& format_;
  ParsedBlock block_;
  RowBuilder rows_;
  std::vector<FieldText> keep_;
  int rating_column_ = RatingsFormat::no_column;  // only where it is needed
  std::string_view record_;
};

}  // namespace

ParsedBlock parse_table(std::string text, const RatingsFormat& format, bool skip_header) {
  return Parser(std::move(text), format).run(skip_header);
}

ParsedBlock parse_block(std::string text, const RatingsFormat& format, bool skip_header) {
  switch (format.name) {
    case FormatName::json:
      return parse_json_lines(std::move(text), format);
    case FormatName::netflix:
      return parse_netflix(std::move(text), format);
    default:
      return parse_table(std::move(text), format, skip_header);
  }
}

}  // namespace neumf::preprocess
