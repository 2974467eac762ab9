// The text formats of ratings files and how they are told apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "neumf/core/value_names.hpp"
#include "records.hpp"

namespace neumf::preprocess {

enum class FormatName { automatic, ml_20m, ml_1m, ml_100k, csv, ncf };
constexpr auto value_names(FormatName) {
  return std::to_array<NamedValue<FormatName>>({{"auto", FormatName::automatic},
                                                {"ml-20m", FormatName::ml_20m},
                                                {"ml-1m", FormatName::ml_1m},
                                                {"ml-100k", FormatName::ml_100k},
                                                {"csv", FormatName::csv},
                                                {"ncf", FormatName::ncf}});
}

// Fails on a name that no format has.
FormatName parse_format_name(std::string_view name);
std::string_view to_string(FormatName name);

// Members of an archive that a format may be in, best first.
std::vector<std::string> archive_members(FormatName name);

// How to read one file.
struct RatingsFormat {
  static constexpr int no_column = -1;

  FormatName name = FormatName::csv;
  Separator separator;
  int user_column = 0;
  int item_column = 1;
  int time_column = 3;    // or no_column: all rows have time 0
  int min_columns = 4;    // fewer columns are an error
  int max_columns = 4;    // so are more, unless 0
  bool text_ids = false;  // otherwise ids are integers
  bool has_header = false;
};

// Decides from the first line of `file`. Fails if the line does not fit the named format, or any.
RatingsFormat detect_format(FormatName name, std::string_view first_line, const std::string& file);

// For messages: shortened, with everything but printable ASCII escaped.
std::string printable(std::string_view text);

}  // namespace neumf::preprocess
