#include "ratings_format.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "neumf/core/error.hpp"

namespace neumf::preprocess {
namespace {

bool is_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

// "User-ID " -> "userid"
std::string normalised(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z')
      result += static_cast<char>(c - 'A' + 'a');
    else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      result += c;
  }
  return result;
}

std::vector<std::string_view> split(std::string_view line, const Separator& separator) {
  std::vector<std::string_view> fields;
  const char* p = line.data();
  const char* end = p + line.size();
  for (;;) {
    fields.push_back(scan_field(p, end, separator).text);
    if (p == end || *p == '\n') return fields;
    p += separator.width();
  }
}

// Exact names come first, so that `user_id` wins where `user` is there as well.
constexpr std::array<std::string_view, 8> user_names = {"userid",     "user",     "uid",       "reviewerid",
                                                        "customerid", "memberid", "visitorid", "sessionid"};
constexpr std::array<std::string_view, 10> item_names = {
    "itemid", "movieid", "productid", "item", "movie", "product", "iid", "asin", "bookid", "trackid"};
constexpr std::array<std::string_view, 6> time_names = {"timestamp", "time",     "ts",
                                                        "unixtime",  "datetime", "unixreviewtime"};

template <std::size_t N>
int find_column(const std::vector<std::string>& columns, const std::array<std::string_view, N>& synonyms) {
  for (const auto synonym : synonyms) {
    const auto found = std::find(columns.begin(), columns.end(), synonym);
    if (found != columns.end()) return static_cast<int>(found - columns.begin());
  }
  return RatingsFormat::no_column;
}

char csv_separator(std::string_view header) {
  const auto count = [&](char c) { return std::count(header.begin(), header.end(), c); };
  return *std::max_element(",\t;|", ",\t;|" + 4, [&](char a, char b) { return count(a) < count(b); });
}

RatingsFormat csv_format(std::string_view header, const std::string& file) {
  RatingsFormat format;
  format.separator = {csv_separator(header), false, true};
  std::vector<std::string> columns;
  for (const auto name : split(header, format.separator)) columns.push_back(normalised(name));
  format.user_column = find_column(columns, user_names);
  format.item_column = find_column(columns, item_names);
  format.time_column = find_column(columns, time_names);
  for (const auto& [column, name] :
       {std::pair{format.user_column, "user_id"}, std::pair{format.item_column, "item_id"},
        std::pair{format.time_column, "timestamp"}}) {
    require(column != RatingsFormat::no_column,
            "{}:1: the header has no column '{}': '{}'. A csv file needs a header that names user_id, "
            "item_id and timestamp, in any order",
            file, name, printable(header));
  }
  format.min_columns = std::max({format.user_column, format.item_column, format.time_column}) + 1;
  format.max_columns = 0;
  format.text_ids = true;
  format.has_header = true;
  return format;
}

FormatName guess(std::string_view line, const std::string& file) {
  if (normalised(line) == "useridmovieidratingtimestamp") return FormatName::ml_20m;
  const auto looks_like = [&](const Separator& separator) {
    const auto fields = split(line, separator);
    return fields.size() == 4 && is_integer(fields[0]) && is_integer(fields[1]) && is_integer(fields[3]);
  };
  if (looks_like({':', true, false})) return FormatName::ml_1m;
  if (looks_like({'\t', false, false})) return FormatName::ml_100k;
  if (looks_like({',', false, false})) return FormatName::ml_20m;
  const std::string letters = normalised(line);
  require(std::any_of(letters.begin(), letters.end(), [](char c) { return c >= 'a'; }),
          "{}:1: cannot tell the format from the first line '{}'; give --format", file, printable(line));
  return FormatName::csv;
}

}  // namespace

FormatName parse_format_name(std::string_view name) {
  if (const auto format = value_of<FormatName>(name)) return *format;
  fail("unknown format '{}': use auto, ml-20m, ml-1m, ml-100k, csv or ncf", printable(name));
}

std::string_view to_string(FormatName name) {
  return name_of(name);
}

std::vector<std::string> archive_members(FormatName name) {
  switch (name) {
    case FormatName::ml_20m:
      return {"ratings.csv"};
    case FormatName::ml_1m:
      return {"ratings.dat"};
    case FormatName::ml_100k:
      return {"u.data"};
    case FormatName::ncf:
      return {"*.rating", "*.negative"};
    case FormatName::csv:
      return {"*.csv", "*.tsv"};
    case FormatName::automatic:
      break;
  }
  return {"ratings.csv", "ratings.dat", "u.data", "*.csv", "*.tsv"};
}

RatingsFormat detect_format(FormatName name, std::string_view first_line, const std::string& file) {
  if (name == FormatName::automatic) name = guess(first_line, file);
  RatingsFormat format;
  switch (name) {
    case FormatName::ml_20m:
      format.separator = {',', false, true};
      format.has_header = normalised(first_line) == "useridmovieidratingtimestamp";
      break;
    case FormatName::ml_1m:
      format.separator = {':', true, false};
      break;
    case FormatName::ml_100k:
      format.separator = {'\t', false, false};
      break;
    case FormatName::ncf:
      format.separator = {'\t', false, false};
      format.time_column = RatingsFormat::no_column;
      format.min_columns = 2;
      format.max_columns = 0;
      break;
    default:
      format = csv_format(first_line, file);
  }
  format.name = name;
  return format;
}

std::string printable(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::string result;
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\t')
      result += "\\t";
    else if (c == '\r')
      result += "\\r";
    else if (c == '\n')
      result += "\\n";
    else if (byte < 0x20 || byte >= 0x7f)
      result += fmt::format("\\x{:02x}", byte);
    else
      result += c;
  }
  if (text.size() > longest) result += "...";
  return result;
}

}  // namespace neumf::preprocess
