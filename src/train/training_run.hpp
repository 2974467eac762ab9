// The epochs of a run: train, evaluate, report, save, until it is time to stop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "neumf/checkpoint/checkpoint.hpp"
#include "neumf/comm/flag_exchange.hpp"
#include "neumf/core/stopwatch.hpp"
#include "neumf/evaluate/epoch_report.hpp"
#include "neumf/train/epoch_trainer.hpp"
#include "run_parts.hpp"
#include "run_saver.hpp"

namespace neumf {

template <class Device, class T>
class TrainingRun {
 public:
  // `state`: where training stands; the parameters and the trainer are there already. Collective.
  TrainingRun(RunParts<Device, T>& parts, EpochTrainer<Device>& trainer, RunSaver<Device, T>& saver,
              TrainingState state);

  // Evaluates the model before it is trained, as epoch 0: joined models are worth something then. Collective.
  void evaluate_start();
  // Returns the exit status: success, or why training ended early. Collective.
  int train();

 private:
  bool train_epoch();
  bool between_updates();
  void keep_best();
  void save_run();
  void announce();
  // Tests the model that was kept. `own`: gets an evaluation of the test items where that of the epochs is of
  // others.
  EpochReport test_kept_model(std::optional<EpochEvaluation<Device, T>>& own);
  CheckpointInfo restore_best(const EpochReport& best);
  int interrupted();
  PhaseSummary epoch_phases(const EpochReport& report);
  void report_loss_scale();
  void report_profile();
  double seconds() const;

  RunParts<Device, T>& parts_;
  const Options& options_;
  const Communicator& communicator_;
  Reporter& reporter_;
  EpochTrainer<Device>& trainer_;
  RunSaver<Device, T>& saver_;
  TrainingState state_;
  FlagExchange wishes_;
  // Whether the model that was kept is tested at the end: where epochs are evaluated on validation items, and
  // for --per_user. Where it is not saved, these are this rank's weights of it.
  bool tests_kept_model_;
  std::vector<float> best_weights_;
  Stopwatch time_;
  double seconds_before_;       // trained by the runs that this one goes on from
  std::int64_t skipped_;        // updates, when they were last reported
  PhaseTimes phases_before_{};  // at the end of the last epoch
  // Where the newest saved run of this one stands: epochs and updates of the next one.
  std::optional<std::pair<int, std::uint64_t>> saved_at_;
  std::string announced_;  // the saved run of which a signal would tell
};

}  // namespace neumf
