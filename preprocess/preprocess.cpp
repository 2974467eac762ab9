#include "preprocess.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <future>

#include "dataset_writer.hpp"
#include "digest.hpp"
#include "histories.hpp"
#include "ncf_files.hpp"
#include "negatives.hpp"
#include "neumf/core/error.hpp"
#include "neumf/data/layout.hpp"
#include "reading_report.hpp"
#include "synthetic.hpp"

namespace neumf::preprocess {
namespace {

// Computed beside the work that needs the same files, while they are in the page cache. Empty for pipes.
std::future<std::vector<std::string>> md5_in_background(std::vector<std::filesystem::path> paths,
                                                        std::size_t threads) {
  return std::async(threads > 1 ? std::launch::async : std::launch::deferred, [paths = std::move(paths)] {
    std::vector<std::string> digests;
    for (const auto& path : paths)
      digests.push_back(path != "-" && std::filesystem::is_regular_file(path) ? md5_of_file(path) : "");
    return digests;
  });
}

std::size_t valid_negative(const Options& options) {
  return options.valid_negative.value_or(Options::default_valid_negative);
}

std::uint64_t min_ratings(const Options& options) {
  return options.min_ratings.value_or(options.core.value_or(Options::default_min_ratings));
}

HistoryRules history_rules(const Options& options) {
  return {min_ratings(options), options.core.value_or(options.min_item_ratings), options.seed};
}

// As they would be written on the command line.
std::string history_options(const Options& options) {
  if (options.core) return fmt::format(" --core={}", *options.core);
  std::string text = fmt::format(" --min_ratings={}", min_ratings(options));
  if (options.min_item_ratings > 1) text += fmt::format(" --min_item_ratings={}", options.min_item_ratings);
  return text;
}

void check_negatives_of_file(const Options& options, const Split& split, const std::filesystem::path& file) {
  require(!options.valid_negative || *options.valid_negative == split.negatives_per_user,
          "{}: has {} negatives for each user, but --valid_negative is {}; leave the option out",
          file.string(), split.negatives_per_user, options.valid_negative.value_or(0));
}

struct Prepared {
  Split split;
  Provenance provenance;
  std::string reading;  // for the summary: which columns were read, and what is to be known of them
};

Prepared prepare_synthetic(const Options& options) {
  const SyntheticSpec spec = parse_synthetic(options.synthetic);
  Prepared prepared;
  prepared.split =
      leave_one_out(generate(spec, min_ratings(options), options.seed, options.threads), options.threads);
  prepared.provenance.source = "synthetic " + options.synthetic;
  prepared.provenance.options =
      fmt::format("--synthetic={} --min_ratings={}", options.synthetic, min_ratings(options));
  return prepared;
}

Prepared prepare_ncf(const Options& options, const NcfFiles& files, Progress& progress) {
  require(!options.min_ratings && !options.core && options.min_item_ratings == 1,
          "--min_ratings, --min_item_ratings and --core do not apply to NCF files: their users are taken as "
          "they are");
  Prepared prepared;
  std::vector<std::filesystem::path> paths = {files.train, files.test};
  if (!files.negatives.empty()) paths.push_back(files.negatives);
  auto md5 = md5_in_background(paths, options.threads);
  prepared.split = load_ncf(files, options.threads, progress);
  if (options.test_negatives.empty() && !files.negatives.empty())
    check_negatives_of_file(options, prepared.split, files.negatives);
  Provenance& provenance = prepared.provenance;
  std::vector<std::string> names;
  for (const auto& path : paths) names.push_back(path.filename().string());
  provenance.source = fmt::format("{}", fmt::join(names, ", "));
  provenance.source_md5 = fmt::format("{}", fmt::join(md5.get(), ", "));
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

Prepared prepare_ratings(const Options& options, Progress& progress) {
  Prepared prepared;
  auto md5 = md5_in_background(options.inputs, options.threads);
  Ratings ratings = load_ratings(options.inputs, options.reading, options.threads, progress);
  Provenance& provenance = prepared.provenance;
  provenance.options = fmt::format("--format={}{}{}", name_of(ratings.format), to_text(options.reading),
                                   history_options(options));
  provenance.columns = ratings.columns;
  prepared.reading = reading_text(ratings);
  std::vector<std::string> names, digests = md5.get();
  for (std::size_t i = 0; i < options.inputs.size(); ++i) {
    names.push_back(options.inputs[i] == "-" ? "standard input" : options.inputs[i].filename().string());
    if (digests[i].empty()) digests[i] = ratings.pipe_digests[i];
  }
  provenance.source = fmt::format("{}", fmt::join(names, ", "));
  provenance.source_md5 = fmt::format("{}", fmt::join(digests, ", "));
  provenance.held_out = ratings.has_times ? "latest" : "drawn";
  progress.stage("sorting");
  try {
    prepared.split = leave_one_out(
        make_histories(std::move(ratings), history_rules(options), options.threads), options.threads);
  } catch (const Error& error) {
    fail("{}: {}", provenance.source, error.what());
  }
  return prepared;
}

Prepared prepare(const Options& options, Progress& progress) {
  if (!options.synthetic.empty()) {
    progress.stage("generating");
    return prepare_synthetic(options);
  }
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

void add_negatives(const Options& options, Prepared& prepared, Progress& progress) {
  progress.stage("negatives");
  std::string& text = prepared.provenance.options;
  if (!options.test_negatives.empty()) {
    load_negatives(prepared.split, options.test_negatives);
    check_negatives_of_file(options, prepared.split, options.test_negatives);
    text += fmt::format(" --test_negatives={} (md5 {})", options.test_negatives.filename().string(),
                        md5_of_file(options.test_negatives));
  } else if (prepared.split.negatives.empty()) {
    draw_negatives(prepared.split, valid_negative(options), options.seed, options.threads);
    text += fmt::format(" --valid_negative={}", valid_negative(options));
  }
}

// What would make training or its figures worth little.
std::string warnings(const Split& split) {
  std::string text;
  const auto warn = [&](const std::string& warning) { text += "warning: " + warning + "\n"; };
  const std::uint64_t users = split.users(), positives = split.train_items.size(), items = split.items();
  const auto without = static_cast<std::uint64_t>(std::count(split.counts.begin(), split.counts.end(), 0u));
  if (positives == 0)
    warn("no training interactions are left: every user has one item only, and it is held out");
  else if (without > 0)
    warn(fmt::format(
        "{} of {} users are without training interactions: they have one item only, which is held out",
        grouped(without), grouped(users)));
  constexpr std::uint64_t usual_topk = 10;
  if (items <= usual_topk)
    warn(fmt::format(
        "there are only {0} items, so every held-out item is among the first {1}: HR@{1} tells nothing",
        items, usual_topk));
  // The chance that an item drawn for a positive is one that its user has.
  double chance = 0;
  for (const std::uint32_t count : split.counts) chance += double(count) * double(count) / double(items);
  if (positives > 0 && chance / static_cast<double>(positives) > 0.5)
    warn(
        fmt::format("{:.0f} % of sampled negatives would be items that their user has: train with "
                    "--exact_negatives",
                    100 * chance / static_cast<double>(positives)));
  if (const auto count = users_without_negatives(split); count > 0)
    warn(fmt::format("{} users have every other item in training, so their test always succeeds",
                     grouped(count)));
  return text;
}

std::string dropped(const Options& options, const Split& split) {
  std::string text;
  if (split.dropped_users > 0)
    text +=
        fmt::format("dropped {} users with fewer than {} ratings ({} interactions)\n",
                    grouped(split.dropped_users), min_ratings(options), grouped(split.dropped_interactions));
  const std::uint64_t least = options.core.value_or(options.min_item_ratings);
  if (least > 1)
    text +=
        fmt::format("dropped {} items with fewer than {} ratings, again and again until all have enough\n",
                    grouped(split.dropped_items), least);
  if (split.duplicates > 0)
    text += fmt::format("dropped {} repeated interactions\n", grouped(split.duplicates));
  return text;
}

std::string summary(const Options& options, const Prepared& prepared, const std::string& id, double seconds) {
  const Split& split = prepared.split;
  std::string text = prepared.reading;
  text += fmt::format("users {}  items {}  interactions {}  training positives {}\n", grouped(split.users()),
                      grouped(split.items()), grouped(split.interactions), grouped(split.train_items.size()));
  text += dropped(options, split) + warnings(split);
  const std::string last = layout::shard_file(options.shards - 1, options.shards);
  text += fmt::format("wrote {} and {} ({})\n", (options.output / layout::dataset_file).string(),
                      options.shards == 1 ? last : layout::shard_file(0, options.shards) + " to " + last,
                      "data set " + id);
  text += fmt::format("{:.2f} s, {:.2f} M interactions/s\n", seconds,
                      static_cast<double>(split.interactions) / seconds / 1e6);
  return text;
}

}  // namespace

std::string program_version() {
  return "neumf-preprocess " NEUMF_VERSION;
}

std::string preprocess(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  OutputDirectory output(options.output, options.overwrite);
  Progress progress;
  Prepared prepared = prepare(options, progress);
  add_negatives(options, prepared, progress);
  prepared.provenance.seed = options.seed;
  prepared.provenance.created_by = program_version();
  prepared.provenance.options += fmt::format(" --seed={} --shards={}", options.seed, options.shards);
  write_dataset(prepared.split, prepared.provenance, options.shards, output, progress);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  return summary(options, prepared, dataset_id(prepared.provenance), elapsed.count());
}

}  // namespace neumf::preprocess
