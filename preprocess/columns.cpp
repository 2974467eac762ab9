#include "columns.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "neumf/core/error.hpp"
#include "table_sample.hpp"
#include "time_text.hpp"

namespace neumf::preprocess {
namespace {

using columns::Role;

bool is_number(std::string_view text) {
  return parse_time(text).has_value();
}

bool is_position(std::string_view text) {
  return !text.empty() && text.size() < 7 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_known(std::string_view name) {
  constexpr std::array roles = {Role::user, Role::item, Role::time, Role::rating};
  return std::any_of(roles.begin(), roles.end(),
                     [&](Role role) { return columns::rank(role, name).has_value(); });
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + printable(name);
  return text;
}

// What the values of one column look like.
struct Profile {
  std::size_t values = 0, numbers = 0, dates = 0;
  std::size_t distinct = 0;   // numbers, counted to `most_distinct`
  std::size_t zeros = 0;      // numbers, where some data sets write no time
  bool plausible = true;      // every other number would be a time since 1973
  bool like_ratings = true;   // every number is one of 0, 0.5, ..., 10
  std::string first_strange;  // neither number nor date
  std::string least, most;    // by value
  static constexpr std::size_t most_distinct = 101;

  bool holds_numbers() const { return values > 0 && numbers == values; }
  bool holds_dates() const { return values > 0 && dates == values; }
  bool holds_times() const { return holds_dates() || (holds_numbers() && plausible && zeros == 0); }
};

Profile profile_of(const TableHead& head, int column) {
  Profile profile;
  std::set<Time> seen;
  Time least, most;
  for (const auto& row : head.rows) {
    if (row.size() <= static_cast<std::size_t>(column)) continue;
    const std::string& text = row[static_cast<std::size_t>(column)];
    if (is_missing(text)) continue;
    ++profile.values;
    if (const auto time = parse_time(text)) {
      ++profile.numbers;
      if (seen.size() < Profile::most_distinct) seen.insert(*time);
      const bool zero = *time == Time{0, 0};
      profile.zeros += zero ? 1 : 0;
      profile.plausible &= zero || (time->seconds > 0 && unit_of(*time) != TimeUnit::none);
      profile.like_ratings &= time->seconds >= 0 && *time <= Time{10, 0} &&
                              (time->nanoseconds == 0 || time->nanoseconds == 500'000'000);
      if (profile.least.empty() || *time < least) least = *time, profile.least = text;
      if (profile.most.empty() || most < *time) most = *time, profile.most = text;
    } else if (parse_iso_time(text)) {
      ++profile.dates;
    } else if (profile.first_strange.empty()) {
      profile.first_strange = text;
    }
  }
  profile.distinct = seen.size();
  return profile;
}

class Chooser {
 public:
  Chooser(const TableHead& head, const ReadOptions& options, const std::string& file)
      : head_(head), options_(options), file_(file) {}

  ColumnRoles run() {
    roles_.user = given(options_.user_column, "--user_column");
    roles_.item = given(options_.item_column, "--item_column");
    roles_.time = given(options_.time_column, "--time_column");
    roles_.rating = given(options_.rating_column, "--rating_column");
    for (const KeepRule& rule : options_.keep) roles_.keep.push_back(given(rule.column, "--keep"));
    if (head_.names.empty())
      by_position();
    else
      by_name();
    require(roles_.user != roles_.item, "{}: {} cannot be both the user and the item", file_,
            head_.title(roles_.user));
    require(!options_.min_rating || roles_.rating != none,
            "{}: --min_rating needs a column of ratings; give --rating_column", file_);
    choose_time();
    return std::move(roles_);
  }

 private:
  static constexpr int none = ColumnRoles::no_column;

  int given(const std::string& text, const char* option) const {
    if (text.empty()) return none;
    if (is_position(text)) {
      const int number = std::stoi(text);
      require(number >= 1 && static_cast<std::size_t>(number) <= head_.columns,
              "{}: {} {}: there are columns 1 to {}", file_, option, text, head_.columns);
      return number - 1;
    }
    require(!head_.names.empty(), "{}: {} {}: there is no header with names; give the column's number", file_,
            option, text);
    const auto& names = head_.names;
    auto found = std::find(names.begin(), names.end(), text);
    if (found == names.end())
      found = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
        return columns::normalised(name) == columns::normalised(text);
      });
    require(found != names.end(), "{}: {} {}: the columns are {}", file_, option, text, joined(names));
    return static_cast<int>(found - names.begin());
  }

  bool taken(int column) const {
    return column == roles_.user || column == roles_.item || column == roles_.time || column == roles_.rating;
  }

  // Known columns that are free, the most certain first.
  std::vector<int> known(Role role) const {
    std::vector<std::pair<std::size_t, int>> found;
    for (std::size_t i = 0; i < head_.names.size(); ++i)
      if (const auto rank = columns::rank(role, head_.names[i]); rank && !taken(static_cast<int>(i)))
        found.emplace_back(*rank, static_cast<int>(i));
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<int> result;
    for (const auto& [rank, column] : found) result.push_back(column);
    return result;
  }

  void by_name() {
    for (const auto& [role, column] :
         {std::pair{Role::user, &roles_.user}, std::pair{Role::item, &roles_.item},
          std::pair{Role::time, &roles_.time}, std::pair{Role::rating, &roles_.rating}}) {
      if (*column != none || (role == Role::time && options_.without_times())) continue;
      const auto found = known(role);
      if (found.empty()) continue;
      *column = found.front();
      if (found.size() == 1) continue;
      std::vector<std::string> others;
      for (auto other = found.begin() + 1; other != found.end(); ++other)
        others.push_back("'" + head_.names[static_cast<std::size_t>(*other)] + "'");
      roles_.notes.push_back(fmt::format("the {} could also be {}: --{}_column NAME takes another",
                                         columns::to_string(role), joined(others), columns::to_string(role)));
    }
    for (const auto& [column, role] : {std::pair{roles_.user, "user"}, std::pair{roles_.item, "item"}})
      require(column != none,
              "{}:1: the header has no column '{}_id' or one that is known as such: '{}'; name it with "
              "--{}_column",
              file_, role, joined(head_.names), role);
  }

  // Four columns as MovieLens has them: user, item, rating, time.
  bool like_movielens() const {
    if (head_.columns != 4 || head_.rows.empty() || head_.rows.front().size() != 4) return false;
    const auto& row = head_.rows.front();
    return is_number(row[0]) && is_number(row[1]) && is_number(row[3]);
  }

  void by_position() {
    if (roles_.user == none && roles_.item == none && like_movielens()) {
      roles_.user = 0;
      roles_.item = 1;
      if (roles_.rating == none) roles_.rating = roles_.time == 2 ? 3 : 2;
      if (roles_.time == none && !options_.without_times()) roles_.time = 3;
      roles_.notes.emplace_back(
          "there is no header: the first column is taken for the user, the second for the item; "
          "--user_column 2 --item_column 1 is the other way round");
      return;
    }
    if (roles_.user != none && roles_.item != none) return;
    std::string example;
    for (int column = 0; column < static_cast<int>(head_.columns) && !options_.without_times(); ++column)
      if (column > 1 && example.empty() && profile_of(head_, column).holds_times())
        example = fmt::format(" --time_column {}", column + 1);
    fail(
        "{}:1: cannot tell the format: there is no header, and which columns are the user and the item "
        "cannot be told from '{}'; give their numbers, for example --user_column 1 --item_column 2{}",
        file_, head_.rows.empty() ? "" : joined(head_.rows.front()), example);
  }

  // Columns whose values are all times, and that are no users, no items and not the time already.
  std::vector<int> columns_of_times() const {
    std::vector<int> found;
    for (int column = 0; column < static_cast<int>(head_.columns); ++column)
      if (column != roles_.user && column != roles_.item && column != roles_.time &&
          profile_of(head_, column).holds_times())
        found.push_back(column);
    return found;
  }

  void choose_time() {
    if (options_.without_times()) {
      require(options_.time_column.empty() && options_.time_format.empty(),
              "--time none does not go with --time_column or --time_format");
      roles_.time = none;
      return;
    }
    if (roles_.time == none) {
      const auto found = columns_of_times();
      if (found.size() == 1 && head_.names.empty()) {
        roles_.time = found.front();
        roles_.notes.push_back(
            fmt::format("{} is taken for the time: its values look like times", head_.title(roles_.time)));
      } else if (!found.empty()) {
        fail("{}: {} may hold the times; give --time_column {}, or --time none to go without", file_,
             head_.title(found.front()),
             head_.names.empty() ? std::to_string(found.front() + 1)
                                 : head_.names[static_cast<std::size_t>(found.front())]);
      } else {
        require(options_.time_format.empty(), "{}: --time_format needs the column of times: --time_column",
                file_);
        roles_.notes.emplace_back(
            "warning: no column holds times, so each user's held-out item was drawn by --seed (--time none "
            "says that this is meant; otherwise name the column with --time_column)");
        return;
      }
    }
    if (!options_.time_format.empty()) {
      roles_.time_kind = TimeKind::pattern;
      return;
    }
    const Profile profile = profile_of(head_, roles_.time);
    roles_.time_kind = profile.dates > profile.numbers ? TimeKind::iso : TimeKind::number;
    if (profile.holds_numbers()) question(profile);
  }

  void question(const Profile& profile) {
    if (profile.plausible && profile.zeros < profile.values) {
      roles_.zero_times = profile.zeros > 0;
      if (roles_.zero_times)
        roles_.notes.push_back(fmt::format(
            "warning: {} is 0 in {} of the first {} rows: rows of one time keep the order of the file",
            head_.title(roles_.time), profile.zeros, profile.values));
      return;
    }
    const auto others = columns_of_times();
    std::string doubt;
    if (!others.empty())
      doubt = fmt::format("{} looks like them", head_.title(others.front()));
    else if (profile.values >= 20 && profile.like_ratings)
      doubt = "it looks like ratings";
    else if ((profile.values >= 20 && profile.distinct <= 12) ||
             (profile.values >= 1000 && profile.distinct < Profile::most_distinct))
      doubt = "it has few different values";
    else
      return;
    const auto text = [&](int column) {
      return head_.names.empty() ? std::to_string(column + 1) : head_.names[static_cast<std::size_t>(column)];
    };
    doubt = fmt::format("{} (values {} to {}, {}{} different ones in {} rows) may not hold times: {}",
                        head_.title(roles_.time), printable(profile.least), printable(profile.most),
                        profile.distinct < Profile::most_distinct ? "" : "more than ",
                        std::min(profile.distinct, Profile::most_distinct - 1), profile.values, doubt);
    if (!options_.time_column.empty()) {
      roles_.notes.push_back("warning: " + doubt);
      return;
    }
    fail("{}: {}. Give {}--time_column {} to take it all the same, or --time none", file_, doubt,
         others.empty() ? "" : fmt::format("--time_column {}, ", text(others.front())), text(roles_.time));
  }

  const TableHead& head_;
  const ReadOptions& options_;
  const std::string& file_;
  ColumnRoles roles_;
};

}  // namespace

std::string TableHead::title(int column) const {
  if (names.empty()) return fmt::format("column {}", column + 1);
  return fmt::format("column '{}'", printable(names[static_cast<std::size_t>(column)]));
}

bool is_missing(std::string_view text) {
  constexpr std::array<std::string_view, 21> spellings = {
      "NULL", "null", "Null", "nan",  "NaN", "NAN", "\\N",    "None",   "none",      "NA",   "N/A",
      "n/a",  "<NA>", "NaT",  "#N/A", "nil", "NIL", "<null>", "(null)", "undefined", "<nil>"};
  if (text.empty()) return true;
  if (text.size() > 9 || std::string_view("Nn\\<(#u").find(text.front()) == std::string_view::npos)
    return false;
  return std::find(spellings.begin(), spellings.end(), text) != spellings.end();
}

bool is_header(const std::vector<std::vector<std::string>>& records, const ReadOptions& options,
               const std::string& file) {
  if (options.header != Header::automatic) return options.header == Header::yes;
  const auto& first = records.front();
  const auto numeric = [](const std::string& field) { return is_number(field) || parse_iso_time(field); };
  std::size_t known = 0;
  for (const auto& field : first) known += is_known(field) ? 1 : 0;
  const bool any_number = std::any_of(first.begin(), first.end(), numeric);
  if (known >= 2 || (known == 1 && !any_number)) return true;
  for (const auto* column :
       {&options.user_column, &options.item_column, &options.time_column, &options.rating_column})
    if (!column->empty() && !is_position(*column)) return true;
  if (any_number) return false;
  // A column of numbers below a word.
  for (std::size_t column = 0; column < first.size(); ++column) {
    if (records.size() < 2) break;
    if (std::all_of(records.begin() + 1, records.end(),
                    [&](const auto& record) { return column < record.size() && numeric(record[column]); }))
      return true;
  }
  const bool named = !options.user_column.empty() && !options.item_column.empty();
  require(named,
          "{}:1: names no column that is known: '{}'. If it is a header, name the columns with "
          "--user_column, --item_column and --time_column, otherwise give their numbers and --header no",
          file, joined(first));
  fail("{}:1: cannot tell whether '{}' is a header; give --header yes or --header no", file, joined(first));
}

ColumnRoles choose_columns(const TableHead& head, const ReadOptions& options, const std::string& file) {
  return Chooser(head, options, file).run();
}

}  // namespace neumf::preprocess
