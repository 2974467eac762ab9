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

void check_source(const Options& options) {
  const int sources = !options.inputs.empty() + !options.synthetic.empty() + options.own.given();
  require(sources > 0, "give --input FILE or --synthetic NAME, or --train FILE and --test FILE; see --help");
  require(sources == 1, "give one of --input, --synthetic, and --train with --test, not both; see --help");
  if (!options.own.given()) return;
  require(
      !options.own.train.empty() && !options.own.test.empty(),
      "--train, --valid and --test are a split of your own: give --train FILE and --test FILE, and --valid "
      "FILE where there is one");
  require(options.split == HoldOut::last && options.validation == HoldOut::none && !options.test_ratio &&
              !options.validation_ratio,
          "--split and --validation do not apply to --train and --test, which are split already; the "
          "validation's file is --valid FILE");
  require(
      !options.min_ratings && !options.core && options.min_item_ratings == 1,
      "--min_ratings, --min_item_ratings and --core do not apply to --train and --test: users and items are "
      "taken as they are");
}

void check_hold_out(const Options& options) {
  const HoldOutRules rules = options.hold_out();
  const bool drawn = options.reading.without_times();
  require(!options.test_ratio || rules.test.has_share(),
          "--test_ratio {} goes with --split ratio or --split time, not with {}",
          options.test_ratio.value_or(0), name_of(options.split));
  require(!options.validation_ratio || rules.validation.has_share(),
          "--validation_ratio {} goes with --validation ratio or --validation time, not with {}",
          options.validation_ratio.value_or(0), name_of(options.validation));
  require(!drawn || !rules.by_time(),
          "--time none leaves no times to split by: choose last, random or ratio");
}

void check_combination(const Options& options) {
  check_source(options);
  check_hold_out(options);
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
  table.add("train", o.own.train, "instead of --input, a split of your own: training interactions, in any format of --input ...", {.value = "FILE", .repeated = true});
  table.add("valid", o.own.valid, "... validation, if there is one ...", {.value = "FILE", .repeated = true});
  table.add("test", o.own.test, "... and test; times are not needed", {.value = "FILE", .repeated = true});
  table.add("shards", o.shards, "number of files; one for each rank is the fast case", {.range = at_least(1).at_most(9999), .value = "N"});
  table.add("valid_negative", o.valid_negative, "negatives of each user that test (and validation) items are ranked among (default 100)", {.range = at_least(1).at_most(1'000'000), .value = "N"});
  table.add("test_negatives", o.test_negatives, "read the test negatives, lines '(user,item)<TAB>item<TAB>...' with original ids, instead of drawing them", {.value = "FILE"});
  table.add("min_ratings", o.min_ratings, "drop users with fewer ratings (default 20)", {.range = at_least_signed(1), .value = "N"});
  table.add("min_item_ratings", o.min_item_ratings, "drop items with fewer ratings, and users and items in turn until all have enough", {.range = at_least_signed(1), .value = "N"});
  table.add("core", o.core, "both: users and items with fewer ratings, until all have as many (K-core)", {.range = at_least_signed(1), .value = "K"});
  table.add("seed,s", o.seed, "of the negatives, of drawn held-out items and of synthetic data", {.range = at_least_signed(0), .value = "N"});
  table.add("threads", o.threads, "default: all processors; no effect on the result", {.range = at_least(1).at_most(1024), .value = "N", .shown = ""});
  table.add("overwrite", o.overwrite, "replace a data set in DIR");

  table.section("What is held out of training");
  table.add("split", o.split, "the test: last (each user's latest), random (a drawn one of each), ratio (a share of each user's, the latest), time (the latest share of all)", {.value = "NAME", .among = {"last", "random", "ratio", "time"}});
  table.add("validation", o.validation, "the same of a validation, from what the test leaves; training then chooses by it: none, last, random, ratio or time", {.value = "NAME"});
  table.add("test_ratio", o.test_ratio, "share of --split ratio and time (default 0.2)", {.range = above(0).below(1), .value = "X"});
  table.add("validation_ratio", o.validation_ratio, "share of --validation ratio and time (default 0.1)", {.range = above(0).below(1), .value = "X"});

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
  for (auto* files : {&options.inputs, &options.own.train, &options.own.valid, &options.own.test})
    *files = with_files_of_directories(*files);
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
