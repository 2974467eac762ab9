#include "preprocess.hpp"

#include <fmt/format.h>

#include <chrono>
#include <future>

#include "dataset_writer.hpp"
#include "digest.hpp"
#include "histories.hpp"
#include "ncf_files.hpp"
#include "negatives.hpp"
#include "neumf/core/error.hpp"
#include "neumf/data/layout.hpp"
#include "synthetic.hpp"

namespace neumf::preprocess {
namespace {

// Computed beside the work that needs the same file, while it is in the page cache.
std::future<std::string> md5_in_background(const std::filesystem::path& path, std::size_t threads) {
  return std::async(threads > 1 ? std::launch::async : std::launch::deferred, md5_of_file, path);
}

std::size_t valid_negative(const Options& options) {
  return options.valid_negative.value_or(Options::default_valid_negative);
}

std::uint64_t min_ratings(const Options& options) {
  return options.min_ratings.value_or(Options::default_min_ratings);
}

void check_negatives_of_file(const Options& options, const Split& split, const std::filesystem::path& file) {
  require(!options.valid_negative || *options.valid_negative == split.negatives_per_user,
          "{}: has {} negatives for each user, but --valid_negative is {}; leave the option out",
          file.string(), split.negatives_per_user, options.valid_negative.value_or(0));
}

struct Prepared {
  Split split;
  Provenance provenance;
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
  require(!options.min_ratings,
          "--min_ratings does not apply to NCF files: their users are taken as they are");
  Prepared prepared;
  auto train_md5 = md5_in_background(files.train, options.threads);
  prepared.split = load_ncf(files, options.threads, progress);
  if (options.test_negatives.empty()) check_negatives_of_file(options, prepared.split, files.negatives);
  Provenance& provenance = prepared.provenance;
  provenance.source = fmt::format("{}, {}, {}", files.train.filename().string(),
                                  files.test.filename().string(), files.negatives.filename().string());
  provenance.source_md5 =
      fmt::format("{}, {}, {}", train_md5.get(), md5_of_file(files.test), md5_of_file(files.negatives));
  provenance.options = "--format=ncf";
  return prepared;
}

Prepared prepare_ratings(const Options& options, Progress& progress) {
  Prepared prepared;
  auto md5 = md5_in_background(options.input, options.threads);
  Ratings ratings = load_ratings(options.input, options.format, options.threads, progress);
  Provenance& provenance = prepared.provenance;
  provenance.options =
      fmt::format("--format={} --min_ratings={}", to_string(ratings.format), min_ratings(options));
  progress.stage("sorting");
  try {
    prepared.split = leave_one_out(make_histories(std::move(ratings), min_ratings(options), options.threads),
                                   options.threads);
  } catch (const Error& error) {
    fail("{}: {}", options.input.string(), error.what());
  }
  provenance.source = options.input.filename().string();
  provenance.source_md5 = md5.get();
  return prepared;
}

Prepared prepare(const Options& options, Progress& progress) {
  if (!options.synthetic.empty()) {
    progress.stage("generating");
    return prepare_synthetic(options);
  }
  if (options.format == FormatName::ncf || options.format == FormatName::automatic) {
    if (const auto files = find_ncf_files(options.input)) return prepare_ncf(options, *files, progress);
    require(options.format != FormatName::ncf,
            "{0}.train.rating: no such file (nor with .gz); NCF data are three files, and --input is "
            "their prefix or the .train.rating file",
            options.input.string());
  }
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

// 1234567 -> "1,234,567"
std::string grouped(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (auto position = static_cast<std::ptrdiff_t>(text.size()) - 3; position > 0; position -= 3)
    text.insert(static_cast<std::size_t>(position), 1, ',');
  return text;
}

std::string summary(const Options& options, const Split& split, const std::string& id, double seconds) {
  std::string text =
      fmt::format("users {}  items {}  interactions {}  training positives {}\n", grouped(split.users()),
                  grouped(split.items()), grouped(split.interactions), grouped(split.train_items.size()));
  if (split.dropped_users > 0) {
    text +=
        fmt::format("dropped {} users with fewer than {} ratings ({} interactions)\n",
                    grouped(split.dropped_users), min_ratings(options), grouped(split.dropped_interactions));
  }
  if (split.duplicates > 0)
    text += fmt::format("dropped {} repeated interactions\n", grouped(split.duplicates));
  if (const auto count = users_without_negatives(split); count > 0) {
    text +=
        fmt::format("warning: {} users have every other item in training, so their test always succeeds\n",
                    grouped(count));
  }
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
  return summary(options, prepared.split, dataset_id(prepared.provenance), elapsed.count());
}

}  // namespace neumf::preprocess
