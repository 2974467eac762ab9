// How to read one ratings file: what the options say and what its beginning shows.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "columns.hpp"
#include "input_stream.hpp"
#include "read_options.hpp"
#include "records.hpp"
#include "time_text.hpp"

namespace neumf::preprocess {

// Members of an archive that may hold ratings, best first.
std::vector<MemberPattern> archive_members(const ReadOptions& options);

struct RatingsFormat {
  static constexpr int no_column = ColumnRoles::no_column;

  FormatName name = FormatName::csv;
  Separator separator;
  bool quotes_given = false;  // by the user, not taken from the sample
  int user_column = 0;
  int item_column = 1;
  int time_column = 3;  // or no_column: all rows have time 0
  int rating_column = 2;
  std::vector<int> keep_columns;   // of each of `keep`
  std::vector<std::string> names;  // of the columns, or the keys of JSON objects; empty without a header
  int min_columns = 4;             // fewer columns are an error
  int max_columns = 4;             // so are more, unless 0
  bool text_ids = true;            // otherwise ids are integers, and 007 is 7
  bool has_header = false;
  TimeKind time_kind = TimeKind::number;
  std::optional<TimePattern> pattern;
  bool time_given = false;  // the user named the column of times
  bool zero_times = false;  // some are 0, and the notes say so
  Missing missing = Missing::error;
  std::optional<double> min_rating;
  std::vector<KeepRule> keep;
  std::vector<std::string> notes;

  bool has_times() const { return time_column != no_column; }
  // "column 'userId'", "column 3", "key 'user_id'".
  std::string title(int column) const;
};

// What all formats take from the options.
RatingsFormat with_options(FormatName name, const ReadOptions& options);
void take_roles(RatingsFormat& format, const ColumnRoles& roles);

// Decides from the beginning of a file; `whole` if nothing follows. Fails if it does not fit the options, and
// where what it holds cannot be told.
RatingsFormat detect_format(const ReadOptions& options, std::string_view beginning, bool whole,
                            const std::string& file);

// The format of a further file of the same input: that of the first if the file begins with the same header
// or has none, otherwise its own.
RatingsFormat format_of_part(const RatingsFormat& first, std::string_view first_header,
                             const ReadOptions& options, std::string_view beginning, bool whole,
                             const std::string& file);

}  // namespace neumf::preprocess
