#include "row_builder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "parse_all.hpp"
#include "table_sample.hpp"

namespace neumf::preprocess {
namespace {

constexpr std::size_t longest_id = 255;
constexpr std::size_t shown_values = 5;

bool holds_numbers(TimeKind kind) {
  return kind == TimeKind::number || kind == TimeKind::instant;
}

}  // namespace

std::optional<std::int64_t> parse_canonical_integer(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || digits.front() < '0' || digits.front() > '9' ||
      (digits.front() == '0' && text.size() > 1))
    return std::nullopt;
  return parse_all<std::int64_t>(text);
}

RowBuilder::RowBuilder(const RatingsFormat& format, ParsedBlock& block)
    : format_(format),
      block_(block),
      filters_(format.min_rating.has_value() || !format.keep.empty()),
      only_digits_(!filters_ && (!format.has_times() || holds_numbers(format.time_kind))) {
  block_.not_kept.resize(format.keep.size());
  block_.other_values.resize(format.keep.size());
  for (const auto& rule : format.keep) block_.kept_values.emplace_back(rule.values.size(), false);
}

bool RowBuilder::add(FieldText user, FieldText item, FieldText time, FieldText rating,
                     std::span<const FieldText> keep, std::string_view record) {
  record_ = record;
  if (filters_) [[unlikely]] {
    Outcome outcome = Outcome::taken;
    if (filtered(rating, keep, outcome)) return outcome != Outcome::bad;
  }
  ParsedBlock::Row row;
  for (const Outcome outcome : {parse_id(user, "user", format_.user_column, row.user),
                                parse_id(item, "item", format_.item_column, row.item)})
    if (outcome != Outcome::taken) [[unlikely]]
      return outcome == Outcome::missing;
  if (format_.has_times()) {
    if (const Outcome outcome = parse_time_field(time, row.time); outcome != Outcome::taken) [[unlikely]]
      return outcome == Outcome::missing;
    block_.least = std::min(block_.least, row.time);
    block_.most = std::max(block_.most, row.time);
  }
  block_.rows.push_back(row);
  return true;
}

bool RowBuilder::filtered(FieldText rating, std::span<const FieldText> keep, Outcome& outcome) {
  for (std::size_t i = 0; i < format_.keep.size(); ++i) {
    const auto& values = format_.keep[i].values;
    const auto content = trimmed(keep[i].text);
    const std::string value = keep[i].escaped ? unescaped(content) : std::string(content);
    const auto found = std::find(values.begin(), values.end(), value);
    if (found == values.end()) {
      ++block_.not_kept[i];
      auto& others = block_.other_values[i];
      if (others.size() < shown_values && std::find(others.begin(), others.end(), value) == others.end())
        others.push_back(value);
      return true;
    }
    block_.kept_values[i][static_cast<std::size_t>(found - values.begin())] = true;
  }
  if (!format_.min_rating) return false;
  const auto text = trimmed(rating.text);
  const auto value = parse_all<double>(text);
  if (!value || *value != *value) {
    outcome = is_missing(text) ? lacks("rating", text)
                               : bad(fmt::format("the rating '{}' is not a number", printable(text)));
    return true;
  }
  if (*value >= *format_.min_rating) return false;
  ++block_.low_rated;
  return true;
}

RowBuilder::Outcome RowBuilder::parse_id(FieldText field, const char* what, int column, RawId& id) {
  const std::string_view text = trimmed(field.text);
  if (short_id(text, id.number)) [[likely]]
    return Outcome::taken;
  if (text.empty() || (format_.missing != Missing::keep && is_missing(text))) return lacks(what, text);
  const auto number = format_.text_ids ? parse_canonical_integer(text) : parse_all<std::int64_t>(text);
  if (number) {
    id.number = *number;
    return Outcome::taken;
  }
  if (!format_.text_ids) return bad(fmt::format("the {} id '{}' is not an integer", what, printable(text)));
  if (text.size() > longest_id)
    return bad(fmt::format("the {} id is longer than {} bytes", what, longest_id));
  if (text.find('\0') != std::string_view::npos) return bad(fmt::format("the {} id holds a NUL byte", what));
  if (format_.has_header && !format_.names.empty() && text == format_.names[static_cast<std::size_t>(column)])
    return bad("it repeats the header; give files that were joined one by one, each with an --input");
  if (!format_.separator.quotes && !format_.quotes_given && text.starts_with('"'))
    return bad(
        fmt::format("the {} id begins with a quote, but elsewhere quotes are ordinary characters; say what "
                    "they are with --quotes csv or --quotes literal",
                    what));
  if (text.ends_with(".0")) [[unlikely]]
    doubt_decimal(text, what, column);
  id = {static_cast<std::int64_t>(block_.texts.size()), true};
  if (field.escaped)
    block_.texts.push_back(block_.unescaped.emplace_back(unescaped(text)));
  else
    block_.texts.push_back(field.temporary ? block_.unescaped.emplace_back(text) : text);
  return Outcome::taken;
}

// "7.0" is not "7", but may have been before pandas wrote it.
void RowBuilder::doubt_decimal(std::string_view text, const char* what, int column) {
  std::string& first = column == format_.user_column ? block_.decimal_user : block_.decimal_item;
  if (first.empty() && parse_canonical_integer(text.substr(0, text.size() - 2)))
    first = fmt::format("{} ids such as '{}' in {}", what, printable(text), format_.title(column));
}

RowBuilder::Outcome RowBuilder::parse_time_field(FieldText field, Time& time) {
  const std::string_view text = trimmed(field.text);
  if (holds_numbers(format_.time_kind)) [[likely]] {
    if (short_digits(text, time.seconds)) [[likely]]
      return Outcome::taken;
    if (const auto parsed = parse_time(text)) {
      time = *parsed;
      return Outcome::taken;
    }
  } else if (format_.time_kind == TimeKind::iso) {
    if (const auto parsed = parse_iso_time(text)) [[likely]] {
      (parsed->zone ? block_.zoned : block_.unzoned) = true;
      time = parsed->time;
      return Outcome::taken;
    }
  } else if (const auto parsed = format_.pattern->parse(text)) {
    time = *parsed;
    return Outcome::taken;
  }
  if (is_missing(text)) return lacks("time", text);
  if (format_.time_kind == TimeKind::pattern)
    return bad(fmt::format("the time '{}' does not fit --time_format", printable(text)));
  return bad(fmt::format(
      "the timestamp '{}' is not {}; other forms need --time_format, for example '%m/%d/%Y %H:%M'",
      printable(text),
      format_.time_kind == TimeKind::iso ? "a date as in the lines before (2017-07-14, 2017-07-14T03:02:12Z)"
                                         : "a number, and the first is no ISO 8601 date"));
}

RowBuilder::Outcome RowBuilder::lacks(const char* what, std::string_view text) {
  if (block_.missing++ == 0)
    block_.first_missing = {block_.lines,
                            text.empty() ? fmt::format("the {} is empty", what)
                                         : fmt::format("the {} is '{}'", what, printable(text)),
                            printable(record_)};
  return Outcome::missing;
}

RowBuilder::Outcome RowBuilder::bad(std::string reason) {
  block_.bad = {block_.lines, std::move(reason), printable(record_)};
  return Outcome::bad;
}

}  // namespace neumf::preprocess
