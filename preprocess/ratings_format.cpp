#include "ratings_format.hpp"

#include <algorithm>

#include "json_lines.hpp"
#include "netflix.hpp"
#include "neumf/core/error.hpp"
#include "table_sample.hpp"

namespace neumf::preprocess {
namespace {

std::string_view first_line(std::string_view text) {
  return trimmed(text.substr(0, text.find('\n')));
}

bool is_movielens_header(std::string_view line) {
  std::string text;
  for (const char c : line)
    if (c != '"' && c != ' ') text += c;
  return text == "userId,movieId,rating,timestamp";
}

// One of MovieLens' own formats or the NCF paper's, by its name: the columns are known, and ids are integers.
RatingsFormat named_format(FormatName name, const ReadOptions& options, std::string_view line) {
  const bool as_named = options.user_column.empty() && options.item_column.empty() &&
                        options.time_column.empty() && options.rating_column.empty() &&
                        options.keep.empty() && options.time_format.empty() &&
                        options.separator.text.empty() && options.header == Header::automatic;
  require(as_named,
          "--format {} says what the columns are; with --format csv other options may say more about them",
          name_of(name));
  RatingsFormat format = with_options(name, options);
  format.text_ids = false;
  if (options.without_times()) format.time_column = RatingsFormat::no_column;
  if (name == FormatName::ml_20m) {
    format.separator = {',', false, options.quotes != Quotes::literal};
    format.has_header = is_movielens_header(line);
  } else if (name == FormatName::ml_1m) {
    format.separator = {':', true, false};
  } else {
    format.separator = {'\t', false, false};
  }
  if (name == FormatName::ncf) {
    format.time_column = format.rating_column = RatingsFormat::no_column;
    format.min_columns = 2;
    format.max_columns = 0;
  }
  return format;
}

// The names that shapes without a header have.
FormatName shape_of(const RatingsFormat& format, std::size_t columns) {
  const bool movielens = !format.has_header && columns == 4 && format.user_column == 0 &&
                         format.item_column == 1 && format.time_column == 3;
  if (!movielens) return FormatName::csv;
  if (format.separator.doubled) return FormatName::ml_1m;
  if (format.separator.character == '\t') return FormatName::ml_100k;
  return format.separator.character == ',' ? FormatName::ml_20m : FormatName::csv;
}

// The type that RecBole writes behind names is not part of them.
std::string plain_name(const std::string& name) {
  const std::size_t colon = name.rfind(':');
  if (colon == std::string::npos) return name;
  const std::string_view type = std::string_view(name).substr(colon + 1);
  return type == "token" || type == "float" || type == "token_seq" || type == "float_seq"
             ? name.substr(0, colon)
             : name;
}

RatingsFormat table_format(const ReadOptions& options, std::string_view beginning, bool whole,
                           const std::string& file) {
  TableSample sample = take_sample(beginning, whole, options.separator.text, options.quotes, file);
  RatingsFormat format = with_options(FormatName::csv, options);
  format.separator = sample.separator;
  format.has_header = is_header(sample.records, options, file);
  TableHead head;
  head.columns = sample.records.front().size();
  if (format.has_header) {
    for (const auto& name : sample.records.front()) head.names.push_back(plain_name(name));
    sample.records.erase(sample.records.begin());
  }
  head.rows = std::move(sample.records);
  take_roles(format, choose_columns(head, options, file));
  format.names = std::move(head.names);
  format.max_columns = static_cast<int>(head.columns);
  format.min_columns = 1 + std::max({format.user_column, format.item_column, format.time_column});
  if (format.min_rating) format.min_columns = std::max(format.min_columns, format.rating_column + 1);
  for (const int column : format.keep_columns) format.min_columns = std::max(format.min_columns, column + 1);
  format.name = shape_of(format, head.columns);
  return format;
}

RatingsFormat json_format(const ReadOptions& options, std::string_view beginning, bool whole,
                          const std::string& file) {
  RatingsFormat format = with_options(FormatName::json, options);
  format.separator = {'\n', false, false};
  format.quotes_given = true;  // by JSON
  TableHead head = json_head(beginning, whole, file);
  take_roles(format, choose_columns(head, options, file));
  format.names = std::move(head.names);
  format.max_columns = 0;
  return format;
}

RatingsFormat netflix_format(const ReadOptions& options) {
  RatingsFormat format = with_options(FormatName::netflix, options);
  require(options.keep.empty() && options.time_format.empty() && options.time_column.empty(),
          "--format netflix says what the columns are");
  format.names = {"user", "movie", "rating", "date"};
  format.quotes_given = true;  // there are none
  format.time_column = options.without_times() ? RatingsFormat::no_column : 3;
  format.time_kind = TimeKind::iso;
  return format;
}

FormatName guess(std::string_view beginning) {
  const std::string_view line = first_line(beginning);
  if (line.starts_with('{') || line.starts_with('[')) return FormatName::json;
  if (is_netflix_movie(line)) return FormatName::netflix;
  return FormatName::csv;
}

}  // namespace

RatingsFormat with_options(FormatName name, const ReadOptions& options) {
  RatingsFormat format;
  format.name = name;
  format.missing = options.missing;
  format.min_rating = options.min_rating;
  format.keep = options.keep;
  format.time_given = !options.time_column.empty() || !options.time_format.empty();
  format.quotes_given = options.quotes != Quotes::automatic;
  if (!options.time_format.empty()) format.pattern.emplace(options.time_format);
  return format;
}

void take_roles(RatingsFormat& format, const ColumnRoles& roles) {
  format.user_column = roles.user;
  format.item_column = roles.item;
  format.time_column = roles.time;
  format.rating_column = roles.rating;
  format.keep_columns = roles.keep;
  format.time_kind = roles.time_kind;
  format.zero_times = roles.zero_times;
  format.notes = roles.notes;
}

std::vector<MemberPattern> archive_members(const ReadOptions& options) {
  std::vector<MemberPattern> patterns;
  if (!options.members.empty()) {
    for (const auto& member : options.members) patterns.push_back({member, true});
    return patterns;
  }
  switch (options.format) {
    case FormatName::ml_20m:
      return {{"ratings.csv"}};
    case FormatName::ml_1m:
      return {{"ratings.dat"}};
    case FormatName::ml_100k:
      return {{"u.data"}};
    case FormatName::ncf:
      return {{"*.rating"}, {"*.negative"}};
    case FormatName::json:
      return {{"*review*.json*"}, {"*.jsonl"}, {"*.json"}};
    case FormatName::netflix:
      return {{"combined_data_*.txt", true}, {"mv_*.txt", true}};
    default:
      break;
  }
  return {{"ratings.csv"},
          {"ratings.dat"},
          {"u.data"},
          {"combined_data_*.txt", true},
          {"*.inter"},
          {"*ratings*.csv"},
          {"*interactions*.csv"},
          {"*.csv"},
          {"*.tsv"},
          {"*review*.json*"},
          {"*.jsonl"},
          {"*.json"},
          {"mv_*.txt", true}};
}

std::string RatingsFormat::title(int column) const {
  if (names.empty()) return fmt::format("column {}", column + 1);
  return fmt::format("{} '{}'", name == FormatName::json ? "key" : "column",
                     printable(names[static_cast<std::size_t>(column)]));
}

RatingsFormat detect_format(const ReadOptions& options, std::string_view beginning, bool whole,
                            const std::string& file) {
  const FormatName name = options.format == FormatName::automatic ? guess(beginning) : options.format;
  switch (name) {
    case FormatName::json:
      return json_format(options, beginning, whole, file);
    case FormatName::netflix:
      return netflix_format(options);
    case FormatName::csv:
      return table_format(options, beginning, whole, file);
    case FormatName::parquet:
    case FormatName::arrow:
      fail("{}: is no {} file", file, name == FormatName::parquet ? "Parquet" : "Arrow IPC");
    default:
      return named_format(name, options, first_line(beginning));
  }
}

RatingsFormat format_of_part(const RatingsFormat& first, std::string_view first_header,
                             const ReadOptions& options, std::string_view beginning, bool whole,
                             const std::string& file) {
  const bool table = first.name != FormatName::json && first.name != FormatName::netflix;
  if (table && first.has_header && first_line(beginning) != first_header) {
    // A part without a header, or with one of its own.
    const TableSample sample = take_sample(beginning, whole, options.separator.text, options.quotes, file);
    ReadOptions by_itself = options;
    if (!is_header(sample.records, by_itself, file)) {
      RatingsFormat format = first;
      format.has_header = false;
      return format;
    }
  }
  return table && first.has_header && first_line(beginning) == first_header
             ? first
             : detect_format(options, beginning, whole, file);
}

}  // namespace neumf::preprocess
