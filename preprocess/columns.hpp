// Which columns of a table are the user, the item, the time and the rating.
#pragma once

#include <string>
#include <vector>

#include "neumf/data/column_names.hpp"
#include "read_options.hpp"

namespace neumf::preprocess {

// The first rows of a table; short rows lack their last columns.
struct TableHead {
  std::vector<std::string> names;  // from the header, or empty
  std::vector<std::vector<std::string>> rows;
  std::size_t columns = 0;

  // "column 'userId'", or "column 3" (from 1) without a header.
  std::string title(int column) const;
};

// `instant`: seconds since 1970, of a column whose type says that it holds times.
enum class TimeKind { none, number, iso, pattern, instant };

struct ColumnRoles {
  static constexpr int no_column = -1;

  int user = no_column, item = no_column, time = no_column, rating = no_column;
  std::vector<int> keep;  // of each --keep
  TimeKind time_kind = TimeKind::none;
  // What the reader took for granted and what could be otherwise, as sentences; a doubt is a "warning: ".
  bool zero_times = false;  // among the first rows, and said in the notes
  std::vector<std::string> notes;
};

// Whether `records[0]` is a header. Fails if that cannot be told.
bool is_header(const std::vector<std::vector<std::string>>& records, const ReadOptions& options,
               const std::string& file);

// The roles by name or number where the options give them, otherwise by known names in the header, or,
// without a header, as MovieLens has them: user, item, rating, time. Fails if no user or item is found, and
// where the time is in doubt: a column that looks like ratings or has few values is not taken for times.
ColumnRoles choose_columns(const TableHead& head, const ReadOptions& options, const std::string& file);

// NULL, nan, None, \N, NA and their like in the usual spellings, and nothing at all.
bool is_missing(std::string_view text);

}  // namespace neumf::preprocess
