#include "neumf/report/reporter.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numeric>

#include "neumf/core/error.hpp"
#include "neumf/core/version.hpp"

namespace neumf {
namespace {

using nlohmann::json;

// Keys that mean nothing where no epoch was trained.
constexpr const char* untrained[] = {"train_throughput", "train_epoch_time", "train_loss"};

std::string metric_name(const char* metric, int topk) {
  return fmt::format("{}@{}", metric, topk);
}

json to_json(const PhaseSummary& phases) {
  json result;
  for (std::size_t i = 0; i < phase_count; ++i)
    result[phase_names[i]] = {{"min", phases.least[i]}, {"mean", phases.mean[i]}, {"max", phases.most[i]}};
  return result;
}

json to_json(const RunFacts& f) {
  return {{"ranks", f.ranks},
          {"nodes", f.nodes},
          {"threads", f.threads},
          {"device", f.device},
          {"precision", f.precision},
          {"user_embeddings", f.user_embeddings},
          {"item_embeddings", f.item_embeddings},
          {"gradients", f.gradients},
          {"processor", f.processor},
          {"kernels", f.kernels},
          {"batch_size", f.batch_size},
          {"users", f.users},
          {"items", f.items},
          {"positives", f.positives},
          {"factors", f.factors},
          {"layers", f.layers},
          {"shared_parameters", f.shared_parameters},
          {"rank_parameters", f.rank_parameters}};
}

void add_ranking(json& entry, const std::string& prefix, const Ranking& ranking, bool several) {
  for (const AtK& at : ranking.at)
    for (const AtKMetric& metric : at_k_metrics)
      if (several || !metric.of_several) entry[prefix + metric_name(metric.name, at.k)] = at.*metric.value;
  entry[prefix + "mrr"] = ranking.mrr;
}

json to_json(const EpochReport& r, const char* type, int topk) {
  json entry{{"type", type},
             {"epoch", r.epoch},
             {"train_throughput", r.train_throughput},
             {"eval_throughput", r.evaluation_throughput},
             {metric_name("hr", topk), r.hit_rate},
             {metric_name("ndcg", topk), r.ndcg},
             {"train_epoch_time", r.train_seconds},
             {"validation_epoch_time", r.evaluation_seconds},
             {"train_loss", r.train_loss},
             {"validation_loss", r.validation_loss},
             {"time", r.seconds_since_start}};
  if (r.part == HeldOutPart::validation) entry["evaluated_on"] = name_of(r.part);
  if (!r.sampled.at.empty()) add_ranking(entry, "", r.sampled, r.several);
  if (!r.full) return entry;
  add_ranking(entry, "full_", *r.full, r.several);
  for (const AtK& at : r.full->at) entry[metric_name("full_recall", at.k)] = at.recall;
  entry["full_evaluation_time"] = r.full_seconds;
  return entry;
}

// What one held-out item per user does not tell.
std::string several_text(const Ranking& ranking) {
  std::string text;
  for (const AtK& at : ranking.at)
    text += fmt::format("  Recall@{0} {1:.4f}  Precision@{0} {2:.4f}  MAP@{0} {3:.4f}", at.k, at.recall,
                        at.precision, at.map);
  return text;
}

// Whether a file is the log of a run that trained.
bool has_epochs(const std::filesystem::path& path) {
  std::ifstream log(path);
  for (std::string line; std::getline(log, line);)
    if (line.find(R"("type":"epoch")") != std::string::npos) return true;
  return false;
}

// Whether somebody watches standard output. mpirun gives its ranks a terminal of its own, whatever its output
// is connected to, so under a launcher its output counts.
bool watched() {
  if (std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr) return isatty(STDOUT_FILENO) == 1;
  std::error_code error;
  const auto target = std::filesystem::read_symlink(fmt::format("/proc/{}/fd/1", getppid()), error).string();
  return !error && (target.starts_with("/dev/pts/") || target.starts_with("/dev/tty"));
}

}  // namespace

std::string with_prefix(double value) {
  const char* prefixes[] = {"", " k", " M", " G"};
  std::size_t i = 0;
  for (; value >= 999.5 && i < 3; ++i) value /= 1000;
  return fmt::format("{:.{}f}{}", value,
                     value < 9.995 && i > 0   ? 2
                     : value < 99.95 && i > 0 ? 1
                                              : 0,
                     prefixes[i]);
}

Reporter::Reporter(const Options& options, bool active)
    : active_(active),
      bar_(active &&
           (options.progress == Progress::always || (options.progress == Progress::automatic && watched()))),
      topk_(options.topk),
      log_path_(options.log_path) {
  if (active_ && !log_path_.empty()) open_log(options);
}

void Reporter::open_log(const Options& options) {
  std::error_code ignored;
  if (log_path_.has_parent_path()) std::filesystem::create_directories(log_path_.parent_path(), ignored);
  // A pipe or a terminal has no past, and takes several writers.
  const auto status = std::filesystem::status(log_path_, ignored);
  if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status)) {
    log_lock_ =
        FileLock(log_path_, 15, "another run writes this log: let it end, or choose another --log_path");
    if (!options.resume && !options.overwrite && has_epochs(log_path_)) keep_earlier_log();
  }
  log_.open(log_path_, options.resume ? std::ios::app : std::ios::trunc);
  require(log_.good(), "--log_path {}: cannot write this file; check that its directory is writable",
          log_path_.string());
  auto ini_path = log_path_;
  ini_path.replace_extension(".ini");
  std::ofstream ini(ini_path);
  ini << "# The options of this run; neumf --config reads them back.\n" << to_ini(options);
  ini.close();
  require(ini.good(), "{}: cannot write the options of this run", ini_path.string());
}

// A copy, since the lock is on the file itself.
void Reporter::keep_earlier_log() {
  auto kept = log_path_;
  kept += ".previous";
  std::error_code error;
  std::filesystem::copy_file(log_path_, kept, std::filesystem::copy_options::overwrite_existing, error);
  require(!error,
          "--log_path {}: holds the log of an earlier run's training, which cannot be kept as {}: {}; choose "
          "another file, or replace it with --overwrite",
          log_path_.string(), kept.string(), error.message());
  note(fmt::format("warning: {} held the log of an earlier run, which is now {}", log_path_.string(),
                   kept.string()));
}

void Reporter::log_line(const std::string& line) {
  if (!log_.is_open()) return;
  log_ << line << std::endl;  // flushed: a run that is killed keeps its epochs
  require(log_.good(), "--log_path {}: cannot write; is the disk full?", log_path_.string());
}

void Reporter::start(const std::vector<std::pair<std::string, std::string>>& rows, const RunFacts& facts) {
  if (!active_) return;
  fmt::print("neumf {}\n", version());
  json entry{{"type", "start"}, {"version", version()}, {"run", to_json(facts)}};
  for (const auto& [label, text] : rows) {
    fmt::print("  {:<10} {}\n", label, text);
    entry[label] = text;
  }
  fmt::print("\n");
  std::fflush(stdout);
  log_line(entry.dump());
}

void Reporter::progress(int epoch, std::uint64_t done, std::uint64_t total) {
  if (!bar_) return;
  const auto now = std::chrono::steady_clock::now();
  if (epoch != drawn_epoch_) {
    drawn_epoch_ = epoch;
    epoch_begun_ = now;
    done_before_ = done;
  }
  if (now - last_drawn_ < std::chrono::milliseconds(200)) return;
  last_drawn_ = now;
  constexpr std::uint64_t width = 40;
  const std::uint64_t filled = done * width / total;
  const double elapsed = std::chrono::duration<double>(now - epoch_begun_).count();
  const double left = done > done_before_ ? elapsed / static_cast<double>(done - done_before_) *
                                                static_cast<double>(total - done)
                                          : 0;
  fmt::print("\r{:>5}  [{:=<{}}{: <{}}] {:>3} %  {:.0f} s left ", epoch, "", filled, "", width - filled,
             done * 100 / total, left);
  std::fflush(stdout);
  bar_drawn_ = true;
}

void Reporter::clear_progress() {
  if (!bar_drawn_) return;
  fmt::print("\r{:<79}\r", "");
  bar_drawn_ = false;
}

void Reporter::epoch(const EpochReport& r) {
  if (!active_) return;
  clear_progress();
  if (!header_done_) {
    if (r.part == HeldOutPart::validation)
      fmt::print(
          "HR, NDCG and MRR of epochs: of the validation items; the test items are ranked at the end\n");
    fmt::print("{:>5}  {:>10}  {:>10}  {:>7}  {:>7}  {:>6}  {:>9}  {:>9}  {:>8}\n", "epoch", "train loss",
               "valid loss", metric_name("HR", topk_), metric_name("NDCG", topk_), "MRR", "samples/s",
               "train s", "eval s");
    header_done_ = true;
  }
  if (r.epoch == 0) {
    fmt::print("{:>5}  {:>10}  {:>10.5f}  {:>7.4f}  {:>7.4f}  {:>6.4f}  {:>9}  {:>9}  {:>8.2f}  best\n", 0,
               "-", r.validation_loss, r.hit_rate, r.ndcg, r.sampled.mrr, "-", "-", r.evaluation_seconds);
  } else {
    fmt::print("{:>5}  {:>10.5f}  {:>10.5f}  {:>7.4f}  {:>7.4f}  {:>6.4f}  {:>9}  {:>9.2f}  {:>8.2f}{}\n",
               r.epoch, r.train_loss, r.validation_loss, r.hit_rate, r.ndcg, r.sampled.mrr,
               with_prefix(r.train_throughput), r.train_seconds, r.evaluation_seconds,
               r.best ? "  best" : "");
  }
  print_several(r);
  print_full(r);
  std::fflush(stdout);
  json entry = to_json(r, "epoch", topk_);
  if (r.epoch > 0) {
    entry["learning_rate"] = r.learning_rate;
    entry["updates"] = r.updates;
    entry["bytes_per_update"] = r.bytes_per_update;
  } else {
    for (const char* key : untrained) entry.erase(key);
  }
  if (r.phases) entry["phases"] = to_json(*r.phases);
  log_line(entry.dump());
}

void Reporter::print_several(const EpochReport& r) {
  if (!r.several || r.sampled.at.empty()) return;
  fmt::print("       several items per user:{}\n", several_text(r.sampled));
}

void Reporter::print_full(const EpochReport& r) {
  if (!r.full) return;
  std::string text;
  for (const AtK& at : r.full->at)
    text += fmt::format("  HR@{} {:.4f}  NDCG@{} {:.4f}", at.k, at.hit_rate, at.k, at.ndcg);
  if (r.several) text += several_text(*r.full);
  fmt::print("       whole catalogue:{}  MRR {:.4f}  ({:.2f} s)\n", text, r.full->mrr, r.full_seconds);
}

void Reporter::summary(const std::vector<EpochReport>& epochs, bool reached_threshold,
                       const EpochReport* test) {
  if (!active_ || epochs.empty()) return;
  double best_train = 0, best_evaluation = 0, sum_train = 0, sum_evaluation = 0;
  const EpochReport* best = &epochs.front();
  double trained = 0;  // epochs
  for (const auto& r : epochs) {
    trained += r.epoch > 0;
    best_train = std::max(best_train, r.train_throughput);
    best_evaluation = std::max(best_evaluation, r.evaluation_throughput);
    sum_train += r.train_throughput;
    sum_evaluation += r.evaluation_throughput;
    if (r.target() > best->target()) best = &r;
  }
  const auto count = static_cast<double>(epochs.size());
  const double total = epochs.back().seconds_since_start;
  fmt::print(
      "\nbest {}{} {:.4f}, {} {:.4f} in epoch {} after {:.1f} s; {} epochs in {:.1f} s; training "
      "{}samples/s\n",
      best->part == HeldOutPart::validation ? "validation " : "", metric_name("HR", topk_), best->hit_rate,
      metric_name("NDCG", topk_), best->ndcg, best->epoch, best->seconds_since_start, trained, total,
      with_prefix(sum_train / std::max(trained, 1.0)) + " ");
  print_several(*best);
  print_full(*best);
  if (test != nullptr) {
    fmt::print("test of the model of epoch {}, ranked once: ", test->epoch);
    print_metrics(*test);
    json line = to_json(*test, "test", topk_);
    for (const char* key : untrained) line.erase(key);
    log_line(line.dump());
  } else {
    fmt::print(
        "the epoch was chosen on the test items themselves, as in the reference: with a data set that has "
        "validation items\n(neumf-preprocess --validation last) it is chosen on those\n");
  }
  std::fflush(stdout);
  json entry{{"type", "summary"},
             {"best_train_throughput", best_train},
             {"best_eval_throughput", best_evaluation},
             {"mean_train_throughput", sum_train / std::max(trained, 1.0)},
             {"mean_eval_throughput", sum_evaluation / count},
             {"best_accuracy", best->target()},
             {"best_epoch", best->epoch},
             {"time_to_best_model", best->seconds_since_start},
             {metric_name("hr", topk_), best->hit_rate},
             {metric_name("ndcg", topk_), best->ndcg}};
  entry["selected_on"] = name_of(best->part);
  if (test != nullptr) {
    add_ranking(entry, "test_", test->sampled, test->several);
    if (test->full) add_ranking(entry, "test_full_", *test->full, test->several);
  }
  // Null where the threshold was not reached.
  entry["time_to_target"] = reached_threshold ? json(total) : json(nullptr);
  log_line(entry.dump());
}

void Reporter::print_metrics(const EpochReport& r) {
  fmt::print("{} {:.4f}, {} {:.4f}, MRR {:.4f}, loss {:.5f}; {}samples/s\n", metric_name("HR", topk_),
             r.hit_rate, metric_name("NDCG", topk_), r.ndcg, r.sampled.mrr, r.validation_loss,
             with_prefix(r.evaluation_throughput) + " ");
  for (std::size_t i = 1; i < r.sampled.at.size(); ++i) {
    const AtK& at = r.sampled.at[i];
    fmt::print("{} {:.4f}, {} {:.4f}\n", metric_name("HR", at.k), at.hit_rate, metric_name("NDCG", at.k),
               at.ndcg);
  }
  print_several(r);
  print_full(r);
}

void Reporter::evaluation(const EpochReport& r) {
  if (!active_) return;
  print_metrics(r);
  std::fflush(stdout);
  json entry = to_json(r, "test", topk_);
  for (const char* key : untrained) entry.erase(key);
  log_line(entry.dump());
}

void Reporter::profile(const PhaseSummary& phases) {
  if (!active_) return;
  const double total = std::accumulate(phases.mean.begin(), phases.mean.end(), 0.0);
  fmt::print("\n{:<10}  {:>9}  {:>9}  {:>9}  {:>6}\n", "phase", "min s", "mean s", "max s", "share");
  for (std::size_t i = 0; i < phase_count; ++i) {
    fmt::print("{:<10}  {:>9.3f}  {:>9.3f}  {:>9.3f}  {:>4.1f} %\n", phase_names[i], phases.least[i],
               phases.mean[i], phases.most[i], total > 0 ? 100 * phases.mean[i] / total : 0.0);
  }
  std::fflush(stdout);
  json entry = to_json(phases);
  entry["type"] = "profile";
  log_line(entry.dump());
}

void Reporter::checkpoints(int saves, double seconds_waited) {
  if (!active_ || saves == 0) return;
  fmt::print("{} checkpoint{} written, for which training waited {:.2f} s in all\n", saves,
             saves == 1 ? "" : "s", seconds_waited);
  std::fflush(stdout);
  log_line(json{{"type", "checkpoints"}, {"count", saves}, {"seconds_waited", seconds_waited}}.dump());
}

void Reporter::interrupted(const std::string& text) {
  if (!active_) return;
  print_note(text);
  log_line(json{{"type", "interrupted"}, {"reason", text}}.dump());
}

void Reporter::note(const std::string& text) {
  if (!active_) return;
  print_note(text);
  log_line(json{{"type", "note"}, {"text", text}}.dump());
}

void Reporter::print_note(const std::string& text) {
  clear_progress();
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

}  // namespace neumf
