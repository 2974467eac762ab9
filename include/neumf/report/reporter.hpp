// What the user sees and what programs read: text on standard output and JSON lines in the log, from rank 0.
//
// The log has one JSON object per line, with the reference's keys: {"type": "start", ...}, then per epoch
// {"type": "epoch", "epoch": 1, "train_throughput": ..., "hr@10": ..., ...}, at the end {"type": "summary",
// ...}. Throughputs are samples per second, times are seconds.
// --topk_list adds "hr@5" and so on, --eval full "full_hr@10", "full_ndcg@10", "full_recall@10" and
// "full_mrr"; where users have several held-out items there are also "recall@10", "precision@10" and
// "map@10". Where the data set has validation items, the epochs' metrics are of these ("evaluated_on":
// "validation"), a line {"type": "test", ...} follows them for the model that was kept, and the summary has
// "selected_on": "validation" and "test_hr@10", "test_ndcg@10" and so on beside the validation's. Epoch 0 is
// a pre-trained model as it was joined.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "neumf/config/options.hpp"
#include "neumf/core/file_lock.hpp"
#include "neumf/core/profiler.hpp"
#include "neumf/evaluate/epoch_report.hpp"

namespace neumf {

// What programs need to compare runs by: the object "run" of the log's first line.
struct RunFacts {
  int ranks = 1, nodes = 1, threads = 1;
  std::string device, precision, user_embeddings, item_embeddings;
  std::string gradients;           // "MPI", "NCCL 2.18.3", ...
  std::string processor, kernels;  // of rank 0, as in core/processor.hpp
  std::int64_t batch_size = 0;     // samples per update over all ranks
  std::uint64_t users = 0, items = 0, positives = 0;
  std::int64_t factors = 0;
  std::vector<std::int64_t> layers;
  std::int64_t shared_parameters = 0;  // of the MLP and of items, unless these are sharded
  std::int64_t rank_parameters = 0;    // the most that a rank holds: the shared ones, its users' and items'
};

class Reporter {
 public:
  // Writes nothing unless `active` (rank 0). Opens the log, which it holds alone, and writes the options next
  // to it. A resumed run continues its log; where an epoch is there twice, the later line counts. Another
  // run's log of training is kept as FILE.previous, but for --overwrite. Throws Error naming the file.
  Reporter(const Options& options, bool active);

  // The start-up table: (label, text) rows; and the same for programs.
  void start(const std::vector<std::pair<std::string, std::string>>& rows, const RunFacts& facts);
  // Progress within an epoch, drawn over itself; at most a few times a second.
  void progress(int epoch, std::uint64_t done, std::uint64_t total);
  void epoch(const EpochReport& report);
  // After the last epoch. `test`: of the kept model, where epochs were evaluated on validation items; or
  // null.
  void summary(const std::vector<EpochReport>& epochs, bool reached_threshold,
               const EpochReport* test = nullptr);
  // The result of --mode test.
  void evaluation(const EpochReport& report);
  // The phases of the whole run.
  void profile(const PhaseSummary& phases);
  // How many saves there were, and the seconds that training waited for them on the slowest rank.
  void checkpoints(int saves, double seconds_waited);
  // The run ends early: why, and how to go on.
  void interrupted(const std::string& text);
  // A line for people, which the log has as {"type": "note", "text": ...}.
  void note(const std::string& text);

 private:
  void print_metrics(const EpochReport& report);
  void print_several(const EpochReport& report);
  void print_full(const EpochReport& report);
  void print_note(const std::string& text);
  void clear_progress();
  void open_log(const Options& options);
  void keep_earlier_log();
  void log_line(const std::string& json);

  bool active_;
  bool bar_;
  int topk_;
  bool header_done_ = false, bar_drawn_ = false;
  std::filesystem::path log_path_;
  FileLock log_lock_;
  std::ofstream log_;
  std::chrono::steady_clock::time_point last_drawn_{}, epoch_begun_{};
  int drawn_epoch_ = 0;
  std::uint64_t done_before_ = 0;  // updates of the drawn epoch before it was first drawn
  std::vector<std::pair<std::string, std::string>> start_rows_;
};

// "312 k", "1.27 M"
std::string with_prefix(double value);

}  // namespace neumf
