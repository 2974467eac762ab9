// How ratings files are to be read: what the command line says about them. Everything that is left open is
// recognised.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "neumf/core/value_names.hpp"

namespace neumf::preprocess {

enum class FormatName { automatic, ml_20m, ml_1m, ml_100k, csv, json, netflix, parquet, arrow, ncf };
constexpr auto value_names(FormatName) {
  return std::to_array<NamedValue<FormatName>>({{"auto", FormatName::automatic},
                                                {"ml-20m", FormatName::ml_20m},
                                                {"ml-1m", FormatName::ml_1m},
                                                {"ml-100k", FormatName::ml_100k},
                                                {"csv", FormatName::csv},
                                                {"json", FormatName::json},
                                                {"netflix", FormatName::netflix},
                                                {"parquet", FormatName::parquet},
                                                {"arrow", FormatName::arrow},
                                                {"ncf", FormatName::ncf}});
}
// Fails on a name that no format has.
FormatName parse_format_name(std::string_view name);

enum class Header { automatic, yes, no };
constexpr auto value_names(Header) {
  return std::to_array<NamedValue<Header>>(
      {{"auto", Header::automatic}, {"yes", Header::yes}, {"no", Header::no}});
}

// csv: a field may stand in quotes, with "" for a quote, and then hold separators and line ends (RFC 4180).
// literal: a quote is a character as any other.
enum class Quotes { automatic, csv, literal };
constexpr auto value_names(Quotes) {
  return std::to_array<NamedValue<Quotes>>(
      {{"auto", Quotes::automatic}, {"csv", Quotes::csv}, {"literal", Quotes::literal}});
}

// Of rows without a user, an item or a time.
enum class Missing { error, drop, keep };
constexpr auto value_names(Missing) {
  return std::to_array<NamedValue<Missing>>(
      {{"error", Missing::error}, {"drop", Missing::drop}, {"keep", Missing::keep}});
}

enum class TimeSource { column, none };
constexpr auto value_names(TimeSource) {
  return std::to_array<NamedValue<TimeSource>>({{"column", TimeSource::column}, {"none", TimeSource::none}});
}

// What stands between columns: one character or "::"; empty: recognised.
struct SeparatorText {
  std::string text;
};
// A character, "::", or a name: "auto", "comma", "tab", "space", "semicolon", "pipe".
SeparatorText parse_separator(std::string_view text);
std::string to_text(const SeparatorText& separator);

// Rows whose column has one of the values stay.
struct KeepRule {
  std::string column;
  std::vector<std::string> values;
};
KeepRule parse_keep(std::string_view text);  // "event=view,buy"
std::string to_text(const KeepRule& rule);

struct ReadOptions {
  FormatName format = FormatName::automatic;
  // A name in the header, or a number from 1. Empty: recognised.
  std::string user_column, item_column, time_column, rating_column;
  TimeSource time = TimeSource::column;
  std::string time_format;  // for strptime; empty: numbers or ISO 8601
  Header header = Header::automatic;
  SeparatorText separator;
  Quotes quotes = Quotes::automatic;
  Missing missing = Missing::error;
  std::vector<KeepRule> keep;
  std::optional<double> min_rating;
  std::vector<std::string>
      members;  // of an archive, all are read; a name or "*.csv". Empty: the one that fits

  bool without_times() const { return time == TimeSource::none; }
};

// All options that differ from the defaults, as they would be written on the command line: " --quotes=csv".
std::string to_text(const ReadOptions& options);

}  // namespace neumf::preprocess
