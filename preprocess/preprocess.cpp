#include "preprocess.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <future>

#include "dataset_writer.hpp"
#include "digest.hpp"
#include "histories.hpp"
#include "ncf_files.hpp"
#include "negatives.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/stopwatch.hpp"
#include "neumf/data/layout.hpp"
#include "own_files.hpp"
#include "summary.hpp"
#include "synthetic.hpp"

namespace neumf::preprocess {
namespace {

// Computed beside the work that needs the same files, while they are in the page cache. Empty for pipes.
std::future<std::vector<std::string>> digests_in_background(std::vector<std::filesystem::path> paths,
                                                            std::size_t threads) {
  return std::async(threads > 1 ? std::launch::async : std::launch::deferred, [paths = std::move(paths)] {
    std::vector<std::string> digests;
    for (const auto& path : paths)
      digests.push_back(path != "-" && std::filesystem::is_regular_file(path) ? digest_of_file(path) : "");
    return digests;
  });
}

std::size_t valid_negative(const Options& options) {
  return options.valid_negative.value_or(Options::default_valid_negative);
}

HistoryRules history_rules(const Options& options) {
  return {options.least_ratings(), options.core.value_or(options.min_item_ratings), options.seed,
          options.hold_out()};
}

// As they would be written on the command line.
std::string history_options(const Options& options) {
  if (options.core) return fmt::format(" --core={}", *options.core);
  std::string text = fmt::format(" --min_ratings={}", options.least_ratings());
  if (options.min_item_ratings > 1) text += fmt::format(" --min_item_ratings={}", options.min_item_ratings);
  return text;
}

// The same of what is held out; nothing where that is as in the reference.
std::string hold_out_options(const HoldOutRules& rules) {
  std::string text;
  const auto add = [&](const char* option, const char* ratio, const HoldOutRule& rule) {
    text += fmt::format(" --{}={}", option, name_of(rule.kind));
    if (rule.has_share()) text += fmt::format(" --{}={}", ratio, rule.share);
  };
  if (rules.test.kind != HoldOut::last) add("split", "test_ratio", rules.test);
  if (rules.validation.kind != HoldOut::none) add("validation", "validation_ratio", rules.validation);
  return text;
}

// How items were chosen; "latest" and "drawn" are one of each user.
std::string describe(const HoldOutRule& rule, bool has_times, const std::optional<Time>& cut, TimeUnit unit) {
  switch (rule.kind) {
    case HoldOut::last:
      return has_times ? "latest" : "drawn";
    case HoldOut::random:
      return "drawn";
    case HoldOut::ratio:
      return fmt::format("{} {:g} % of each user", has_times ? "latest" : "drawn", 100 * rule.share);
    case HoldOut::time:
      return fmt::format("all since {} (the latest {:g} % of all)", date_text(*cut, unit), 100 * rule.share);
    case HoldOut::none:
      break;
  }
  return "none";
}

void check_negatives_of_file(const Options& options, const Split& split, const std::filesystem::path& file) {
  require(!options.valid_negative || *options.valid_negative == split.negatives_per_user,
          "{}: has {} negatives for each user, but --valid_negative is {}; leave the option out",
          file.string(), split.negatives_per_user, options.valid_negative.value_or(0));
}

Prepared prepare_synthetic(const Options& options) {
  const SyntheticSpec spec = parse_synthetic(options.synthetic);
  Prepared prepared;
  const HoldOutRules rules = options.hold_out();
  prepared.split = split_histories(
      generate(spec, options.least_ratings(), options.seed, options.threads, rules), options.threads);
  prepared.provenance.source = "synthetic " + options.synthetic;
  prepared.provenance.options = fmt::format("--synthetic={} --min_ratings={}{}", options.synthetic,
                                            options.least_ratings(), hold_out_options(rules));
  if (rules.test.kind != HoldOut::last)
    prepared.provenance.held_out = describe(rules.test, false, {}, TimeUnit::none);
  prepared.provenance.validation = describe(rules.validation, false, {}, TimeUnit::none);
  return prepared;
}

Prepared prepare_ncf(const Options& options, const NcfFiles& files, Progress& progress) {
  require(!options.min_ratings && !options.core && options.min_item_ratings == 1,
          "--min_ratings, --min_item_ratings and --core do not apply to NCF files: their users are taken as "
          "they are");
  require(
      options.split == HoldOut::last && options.validation == HoldOut::none,
      "--split and --validation do not apply to NCF files, which are split already; give the interactions "
      "themselves as --input, or files of your own as --train, --valid and --test");
  Prepared prepared;
  std::vector<std::filesystem::path> paths = {files.train, files.test};
  if (!files.negatives.empty()) paths.push_back(files.negatives);
  auto digests = digests_in_background(paths, options.threads);
  prepared.split = load_ncf(files, options.threads, progress);
  if (options.test_negatives.empty() && !files.negatives.empty())
    check_negatives_of_file(options, prepared.split, files.negatives);
  Provenance& provenance = prepared.provenance;
  std::vector<std::string> names;
  for (const auto& path : paths) names.push_back(path.filename().string());
  provenance.source = fmt::format("{}", fmt::join(names, ", "));
  provenance.source_xxh128 = fmt::format("{}", fmt::join(digests.get(), ", "));
  provenance.options = "--format=ncf";
  if (files.negatives.empty()) prepared.reading = "there is no file of test negatives: they are drawn\n";
  return prepared;
}

std::string reading_text(const Ratings& ratings) {
  std::string text = ratings.columns + "\n";
  if (!ratings.times.empty()) text += "times: " + ratings.times + "\n";
  for (const auto& note : ratings.notes) text += note + "\n";
  return text;
}

// Names and digests of the files.
void name_sources(const std::vector<std::filesystem::path>& inputs, std::vector<std::string> digests,
                  const Ratings& ratings, Provenance& provenance) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    names.push_back(inputs[i] == "-" ? "standard input" : inputs[i].filename().string());
    if (digests[i].empty()) digests[i] = ratings.pipe_digests[i];
  }
  provenance.source = fmt::format("{}", fmt::join(names, ", "));
  provenance.source_xxh128 = fmt::format("{}", fmt::join(digests, ", "));
  provenance.columns = ratings.columns;
}

Prepared prepare_ratings(const Options& options, Progress& progress) {
  Prepared prepared;
  auto digests = digests_in_background(options.inputs, options.threads);
  Ratings ratings = load_ratings(options.inputs, options.reading, options.threads, progress);
  Provenance& provenance = prepared.provenance;
  const HistoryRules rules = history_rules(options);
  provenance.options = fmt::format("--format={}{}{}{}", name_of(ratings.format), to_text(options.reading),
                                   history_options(options), hold_out_options(rules.hold_out));
  prepared.reading = reading_text(ratings);
  name_sources(options.inputs, digests.get(), ratings, provenance);
  progress.stage("sorting");
  const bool has_times = ratings.has_times;
  const TimeUnit unit = ratings.time_unit;
  try {
    prepared.split =
        split_histories(make_histories(std::move(ratings), rules, options.threads), options.threads);
  } catch (const Error& error) {
    fail("{}: {}", provenance.source, error.what());
  }
  const HeldOutCuts& cuts = prepared.split.cuts;
  provenance.held_out = describe(rules.hold_out.test, has_times, cuts.test, unit);
  provenance.validation = describe(rules.hold_out.validation, has_times, cuts.validation, unit);
  return prepared;
}

// Files that are split already. Their times, where they have any, are not read.
Prepared prepare_own_files(const Options& options, Progress& progress) {
  Prepared prepared;
  const auto files = options.own.all();
  auto digests = digests_in_background(files, options.threads);
  ReadOptions reading = options.reading;
  reading.time = TimeSource::none;
  reading.time_column.clear();
  reading.time_format.clear();
  const Ratings ratings = load_ratings(files, reading, options.threads, progress);
  std::string text = fmt::format("--format={}{}", name_of(ratings.format), to_text(reading));
  const auto add = [&](const char* option, const std::vector<std::filesystem::path>& paths) {
    for (const auto& path : paths) text += fmt::format(" --{}={}", option, path.filename().string());
  };
  add("train", options.own.train);
  add("valid", options.own.valid);
  add("test", options.own.test);
  prepared.provenance.options = text;
  prepared.reading = reading_text(ratings);
  name_sources(files, digests.get(), ratings, prepared.provenance);
  prepared.split = split_of_own_files(ratings, options.own);
  if (prepared.split.has_validation()) prepared.provenance.validation = "given";
  return prepared;
}

Prepared prepare(const Options& options, Progress& progress) {
  if (!options.synthetic.empty()) {
    progress.stage("generating");
    return prepare_synthetic(options);
  }
  if (options.own.given()) return prepare_own_files(options, progress);
  const FormatName format = options.reading.format;
  const auto& input = options.inputs.front();
  if (options.inputs.size() == 1 && (format == FormatName::ncf || format == FormatName::automatic)) {
    if (const auto files = find_ncf_files(input)) return prepare_ncf(options, *files, progress);
  }
  require(
      format != FormatName::ncf,
      "{}.train.rating: no such file (nor with .gz or .txt); NCF data are two or three files, and the only "
      "--input is their prefix or the .train.rating file",
      input.string());
  return prepare_ratings(options, progress);
}

// Nothing to test, or to choose by, is no data set.
void check_held_out(const Options& options, const Split& split) {
  const auto reason = [](HoldOut kind) {
    return kind == HoldOut::time ? "all that is later is of users or items that training does not have"
                                 : "no user has two items for it";
  };
  require(!split.test.items.empty(), "--split {} holds nothing out: {}", name_of(options.split),
          reason(options.split));
  require(options.validation == HoldOut::none || split.has_validation(),
          "--validation {} holds nothing out: {}", name_of(options.validation), reason(options.validation));
}

void add_negatives(const Options& options, Prepared& prepared, Progress& progress) {
  progress.stage("negatives");
  Split& split = prepared.split;
  std::string& text = prepared.provenance.options;
  if (!options.test_negatives.empty()) {
    load_negatives(split, options.test_negatives);
    check_negatives_of_file(options, split, options.test_negatives);
    text += fmt::format(" --test_negatives={} (xxh128 {})", options.test_negatives.filename().string(),
                        digest_of_file(options.test_negatives));
  }
  const bool drawn = split.test.negatives.empty();
  if (!drawn && !split.has_validation()) return;
  // As many of the validation as a file has of the test.
  draw_negatives(split, drawn ? valid_negative(options) : split.negatives_per_user, options.seed,
                 options.threads);
  if (drawn) text += fmt::format(" --valid_negative={}", valid_negative(options));
}

}  // namespace

std::string program_version() {
  return "neumf-preprocess " NEUMF_VERSION;
}

std::string preprocess(const Options& options) {
  const Stopwatch time;
  OutputDirectory output(options.output, options.overwrite);
  Progress progress;
  Prepared prepared = prepare(options, progress);
  check_held_out(options, prepared.split);
  add_negatives(options, prepared, progress);
  prepared.provenance.seed = options.seed;
  prepared.provenance.created_by = program_version();
  prepared.provenance.options += fmt::format(" --seed={} --shards={}", options.seed, options.shards);
  write_dataset(prepared.split, prepared.provenance, options.shards, output, progress);
  return summary(options, prepared, time.seconds());
}

}  // namespace neumf::preprocess
