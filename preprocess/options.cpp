#include "options.hpp"

#include <sched.h>

#include <algorithm>
#include <thread>

#include "help.hpp"
#include "input_directory.hpp"
#include "neumf/config/option_table.hpp"
#include "neumf/core/error.hpp"

namespace neumf {

template <>
struct OptionValue<preprocess::FormatName> : NamedOption<preprocess::FormatName> {
  static preprocess::FormatName read(const std::string& text) { return preprocess::parse_format_name(text); }
};
template <>
struct OptionValue<preprocess::SeparatorText> {
  static preprocess::SeparatorText read(const std::string& text) { return preprocess::parse_separator(text); }
  static std::string write(const preprocess::SeparatorText& separator) { return to_text(separator); }
};
template <>
struct OptionValue<preprocess::KeepRule> {
  static preprocess::KeepRule read(const std::string& text) { return preprocess::parse_keep(text); }
  static std::string write(const preprocess::KeepRule& rule) { return to_text(rule); }
};

namespace preprocess {
namespace {

// The processors that this process may use, which a batch system may have restricted.
std::size_t available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0)
    return static_cast<std::size_t>(std::max(CPU_COUNT(&set), 1));
  return std::max(std::thread::hardware_concurrency(), 1u);
}

// The data set's attributes are signed.
constexpr Range at_least_signed(double least) {
  return at_least(least).below(0x1p63);
}

void check_combination(const Options& options) {
  require(options.inputs.empty() != options.synthetic.empty(), "{}; see --help",
          options.inputs.empty() ? "give --input FILE or --synthetic NAME"
                                 : "give --input or --synthetic, not both");
  require(!options.output.empty(), "give --output DIR; see --help");
  require(options.synthetic.empty() || options.test_negatives.empty(),
          "--test_negatives does not go with --synthetic");
  require(options.synthetic.empty() || options.reading.format == FormatName::automatic,
          "--format does not go with --synthetic");
  require(!options.core || (!options.min_ratings && options.min_item_ratings == 1),
          "--core K stands for --min_ratings K --min_item_ratings K; give it without them");
}

// Every option; see option_table.hpp for what can be said of one.
void declare(OptionTable& table, Options& o) {
  // clang-format off
  table.add("input,i", o.inputs, "ratings, plain or compressed, or an archive as downloaded; - is standard input; further files: --input again", {.value = "FILE", .repeated = true});
  table.add("synthetic", o.synthetic, "instead of --input: ml-20m, ml-1m or USERSxITEMSxINTERACTIONS, generated", {.value = "NAME"});
  table.add("output,o", o.output, "directory of the data set", {.value = "DIR"});
  table.add("format", o.reading.format, "auto, ml-20m, ml-1m, ml-100k, csv, json, netflix, parquet, arrow or ncf", {.value = "NAME"});
  table.add("shards", o.shards, "number of files; one for each rank is the fast case", {.range = at_least(1).at_most(9999), .value = "N"});
  table.add("valid_negative", o.valid_negative, "test negatives of each user (default 100)", {.range = at_least(1).at_most(1'000'000), .value = "N"});
  table.add("test_negatives", o.test_negatives, "read the test negatives, lines '(user,item)<TAB>item<TAB>...' with original ids, instead of drawing them", {.value = "FILE"});
  table.add("min_ratings", o.min_ratings, "drop users with fewer ratings (default 20)", {.range = at_least_signed(1), .value = "N"});
  table.add("min_item_ratings", o.min_item_ratings, "drop items with fewer ratings, and users and items in turn until all have enough", {.range = at_least_signed(1), .value = "N"});
  table.add("core", o.core, "both: users and items with fewer ratings, until all have as many (K-core)", {.range = at_least_signed(1), .value = "K"});
  table.add("seed,s", o.seed, "of the test negatives, of drawn held-out items and of synthetic data", {.range = at_least_signed(0), .value = "N"});
  table.add("threads", o.threads, "default: all processors; no effect on the result", {.range = at_least(1).at_most(1024), .value = "N", .shown = ""});
  table.add("overwrite", o.overwrite, "replace a data set in DIR");

  ReadOptions& r = o.reading;
  table.section("What the columns are, where it is not recognised");
  table.add("user_column", r.user_column, "name in the header, or number from 1", {.value = "COLUMN"});
  table.add("item_column", r.item_column, "the same of the item", {.value = "COLUMN"});
  table.add("time_column", r.time_column, "of the time: a number, or a date as in ISO 8601", {.value = "COLUMN"});
  table.add("rating_column", r.rating_column, "of the rating, for --min_rating", {.value = "COLUMN"});
  table.add("time_format", r.time_format, "other times, as strptime reads them: '%m/%d/%Y %H:%M'", {.value = "FORMAT"});
  table.add("time", r.time, "none: each user's held-out item is drawn by --seed", {.value = "NAME"});
  table.add("header", r.header, "auto, yes or no", {.value = "NAME"});
  table.add("separator", r.separator, "auto, comma, tab, semicolon, pipe, space, ::, or a character", {.value = "TEXT"});
  table.add("quotes", r.quotes, "csv: fields may stand in quotes (RFC 4180); literal: a quote is a character; or auto", {.value = "NAME"});
  table.add("member", r.members, "file in an archive, or pattern of the files that make up the data", {.value = "NAME", .repeated = true});
  table.section("Which rows count");
  table.add("missing", r.missing, "rows without user, item or time (NULL, nan, \\N, ...): error, drop or keep", {.value = "NAME"});
  table.add("min_rating", r.min_rating, "leave out rows with lower ratings", {.value = "X"});
  table.add("keep", r.keep, "leave out rows with other values: event=view,buy", {.value = "COLUMN=VALUE,...", .repeated = true});
  // clang-format on
  table.add_common("version,V");
  table.check([&o] { check_combination(o); });
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  options.threads = available_processors();
  OptionTable table("neumf-preprocess", "--{} is {}: {}");
  declare(table, options);
  table.read(arguments);
  options.inputs = with_files_of_directories(options.inputs);
  options.help = table.given("help");
  options.version = table.given("version");
  return options;
}

OptionTexts option_texts() {
  Options options;
  OptionTable table("neumf-preprocess");
  declare(table, options);
  return table.texts();
}

}  // namespace preprocess
}  // namespace neumf
