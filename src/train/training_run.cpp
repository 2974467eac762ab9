#include "training_run.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "divergence.hpp"
#include "epoch_history.hpp"
#include "neumf/core/exit_status.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/report/run_description.hpp"
#include "neumf/train/stop_signals.hpp"
#include "trainer_spec.hpp"

namespace neumf {
namespace {

// What ranks agree on between updates.
enum Wish : std::uint32_t { wish_to_save = 1, wish_to_stop = 2 };

}  // namespace

template <class Device, class T>
TrainingRun<Device, T>::TrainingRun(RunParts<Device, T>& parts, EpochTrainer<Device>& trainer,
                                    RunSaver<Device, T>& saver, TrainingState state)
    : parts_(parts),
      options_(parts.options),
      communicator_(parts.communicator),
      reporter_(parts.reporter),
      trainer_(trainer),
      saver_(saver),
      state_(std::move(state)),
      wishes_(communicator_),
      tests_kept_model_(parts.inputs.selection() == HeldOutPart::validation ||
                        !parts.options.per_user.empty()),
      seconds_before_(state_.seconds),
      skipped_(state_.device.skipped) {
  for (EpochReport& report : state_.history) report.part = parts.inputs.selection();
}

template <class Device, class T>
double TrainingRun<Device, T>::seconds() const {
  return seconds_before_ + communicator_.max(time_.seconds());
}

template <class Device, class T>
void TrainingRun<Device, T>::evaluate_start() {
  EpochReport report;
  parts_.evaluation.run(report);
  report.seconds_since_start = seconds();
  report.best = true;
  communicator_.together([&] { reporter_.epoch(report); });
  state_.history.push_back(report);
  keep_best();
  if (saver_.saves()) saver_.check();
}

// The parameters are those of the best epoch so far.
template <class Device, class T>
void TrainingRun<Device, T>::keep_best() {
  if (saver_.saves()) {
    saver_.save_best(state_);
  } else if (tests_kept_model_) {
    const auto weights = parts_.parameters.weights(),
               items = parts_.parameters.kept_items(ParameterSet::weights);
    best_weights_.resize(weights.size() + items.size());
    const std::span<float> best(best_weights_);
    download(parts_.context, static_cast<const float*>(weights.data()), best.first(weights.size()));
    download(parts_.context, static_cast<const float*>(items.data()), best.subspan(weights.size()));
    parts_.context.synchronize();
  }
}

// Brings back the parameters of the best epoch, and returns what is known of them.
template <class Device, class T>
CheckpointInfo TrainingRun<Device, T>::restore_best(const EpochReport& best) {
  if (!saver_.saves()) {
    const std::span<const float> kept(best_weights_);
    const auto weights = parts_.parameters.weights();
    upload(parts_.context, kept.first(weights.size()), weights.data());
    upload(parts_.context, kept.subspan(weights.size()),
           parts_.parameters.kept_items(ParameterSet::weights).data());
    parts_.parameters.refresh_copies(parts_.context);
    return saver_.describe(best.epoch, best);
  }
  CheckpointInfo found = saver_.load_best(parts_.parameters);
  if (found.epoch != best.epoch)
    reporter_.note(
        fmt::format("warning: the best epoch was {}, but the best model in --checkpoint_dir is of "
                    "epoch {}: that one is tested",
                    best.epoch, found.epoch));
  return found;
}

template <class Device, class T>
EpochReport TrainingRun<Device, T>::test_kept_model(std::optional<EpochEvaluation<Device, T>>& own) {
  const EpochReport& best = best_epoch(state_.history);
  const bool there = best.epoch == state_.epoch && state_.update == 0;
  CheckpointInfo kept = there ? saver_.describe(best.epoch, best) : restore_best(best);
  const bool by_validation = best.part == HeldOutPart::validation;
  if (by_validation)
    communicator_.together([&] {
      own.emplace(parts_.context, communicator_, options_, parts_.parameters, parts_.inputs.shape,
                  parts_.inputs.shard, HeldOutPart::test, parts_.first_row, parts_.shared_items(),
                  parts_.heartbeat);
    });
  EpochReport report;
  report.epoch = kept.epoch;
  (own ? *own : parts_.evaluation).run(report);
  report.seconds_since_start = seconds();
  // A model that was saved with another K keeps the metrics of that.
  if (by_validation && saver_.saves() && kept.topk == options_.topk)
    saver_.save_tested(std::move(kept), report);
  return report;
}

template <class Device, class T>
int TrainingRun<Device, T>::train() {
  announce();
  bool reached = best_target(state_.history) >= options_.threshold;
  while (state_.epoch < options_.epochs && !reached && !out_of_patience(state_.history, options_.patience)) {
    if (!train_epoch()) return interrupted();
    reached = state_.history.back().target() >= options_.threshold;
  }
  if (reached && state_.epoch < options_.epochs)
    reporter_.note(fmt::format("stopped: HR@{} {:.4f} has reached --threshold {}", options_.topk,
                               best_target(state_.history), options_.threshold));
  if (!reached && out_of_patience(state_.history, options_.patience))
    reporter_.note(
        fmt::format("stopped: HR@{} has not risen for {} epochs", options_.topk, options_.patience));
  saver_.finish();
  std::optional<EpochEvaluation<Device, T>> own;
  std::optional<EpochReport> test;
  if (tests_kept_model_) test = test_kept_model(own);
  const bool by_validation = parts_.inputs.selection() == HeldOutPart::validation;
  communicator_.together(
      [&] { reporter_.summary(state_.history, reached, by_validation ? &*test : nullptr); });
  saver_.report(reporter_);
  if (options_.profile) report_profile();
  if (tests_kept_model_) parts_.write_per_user(own ? *own : parts_.evaluation);
  return exit_status::success;
}

// False if a signal ended it before its evaluation.
template <class Device, class T>
bool TrainingRun<Device, T>::train_epoch() {
  EpochReport report;
  report.epoch = state_.epoch + 1;
  report.learning_rate = learning_rate(options_).at(report.epoch);
  trainer_.set_learning_rate(static_cast<float>(report.learning_rate));
  communicator_.barrier();
  const Stopwatch time;
  const std::uint64_t first = state_.update;
  const auto loss = trainer_.train_epoch(
      static_cast<std::uint32_t>(state_.epoch), first,
      [&](std::uint64_t done, std::uint64_t total) {
        state_.update = done;
        reporter_.progress(report.epoch, done, total);
        return between_updates();
      },
      [] { return StopSignals::received() != 0; });
  if (!loss) return false;
  report.train_loss = *loss;
  report.train_seconds = communicator_.max(time.seconds());
  report.train_throughput = static_cast<double>(trainer_.samples(first)) / report.train_seconds;
  parts_.evaluation.run(report);
  report.updates = trainer_.updates_per_epoch() - first;
  report.bytes_per_update = communicator_.max(trainer_.bytes_per_update());
  if (options_.profile) report.phases = epoch_phases(report);
  report.seconds_since_start = seconds();
  report.best = report.target() > best_target(state_.history);
  communicator_.together([&] { reporter_.epoch(report); });
  report_loss_scale();
  // The last update can overflow weights whose samples had a finite loss.
  for (const double value : {report.train_loss, report.validation_loss})
    require_finite_loss(value, report.epoch, options_);
  state_.history.push_back(report);
  state_.epoch = report.epoch;
  state_.update = 0;
  if (report.best && !saver_.saves()) keep_best();
  if (!saver_.saves()) return true;
  trainer_.profiler().measure(Phase::checkpoint, [&] {
    parts_.heartbeat.enter(Phase::checkpoint);
    if (report.best) keep_best();
    if (saver_.due_after(report.epoch)) save_run();
    saver_.check();
  });
  return true;
}

// Saves if it is time to, and returns whether to go on. What a rank wishes is known to all one update later.
template <class Device, class T>
bool TrainingRun<Device, T>::between_updates() {
  saver_.poll();
  if (saver_.newest_run() != announced_) announce();
  const std::uint32_t agreed = wishes_.end();
  std::uint32_t wished = 0;
  if (StopSignals::received() != 0) wished |= wish_to_stop;
  if (saver_.due_now()) wished |= wish_to_save;
  wishes_.begin(wished);
  if ((agreed & wish_to_stop) != 0) return false;
  if ((agreed & wish_to_save) != 0) {
    trainer_.profiler().measure(Phase::checkpoint, [&] {
      parts_.heartbeat.enter(Phase::checkpoint);
      save_run();
    });
  }
  return true;
}

template <class Device, class T>
void TrainingRun<Device, T>::save_run() {
  trainer_.complete_updates();
  state_.device = trainer_.state();
  // Never save what cannot be trained on.
  require_finite_loss(communicator_.sum(state_.device.loss), state_.epoch + 1, options_);
  state_.seconds = seconds();
  saver_.save_run(state_);
  saved_at_ = {state_.epoch, state_.update};
}

// Prepares what the first signal is answered with, before the run is saved: the launcher may not wait for
// that.
template <class Device, class T>
void TrainingRun<Device, T>::announce() {
  if (!communicator_.is_root()) return;
  announced_ = saver_.newest_run();
  if (!saver_.saves()) {
    StopSignals::announce("neumf: stopping; nothing is saved without --checkpoint_dir\n");
    return;
  }
  const bool resumed = seconds_before_ > 0;
  StopSignals::announce(
      fmt::format("neumf: stopping; saved so far: {}; what was trained since then is saved next\n",
                  !announced_.empty() ? announced_
                  : resumed           ? "the run that this one resumed"
                                      : "nothing"));
}

// After a signal. A save that is being written is completed first.
template <class Device, class T>
int TrainingRun<Device, T>::interrupted() {
  const auto signal = static_cast<int>(communicator_.max(std::int32_t{StopSignals::received()}));
  if (!saver_.saves()) {
    reporter_.interrupted(
        fmt::format("stopped by signal {}; nothing is saved without --checkpoint_dir", signal));
    return exit_status::killed_by(signal);
  }
  if (saved_at_ != std::pair(state_.epoch, state_.update)) save_run();
  saver_.finish();
  reporter_.interrupted(fmt::format(
      "stopped by signal {} in epoch {}, after {} of its {} updates; the run is saved, --resume goes on",
      signal, state_.epoch + 1, state_.update, trainer_.updates_per_epoch()));
  saver_.report(reporter_);
  return exit_status::interrupted;
}

template <class Device, class T>
PhaseSummary TrainingRun<Device, T>::epoch_phases(const EpochReport& report) {
  const PhaseTimes now = trainer_.profiler().seconds();
  PhaseTimes times{};
  for (std::size_t i = 0; i < phase_count; ++i) times[i] = now[i] - phases_before_[i];
  times[static_cast<std::size_t>(Phase::evaluation)] = report.evaluation_seconds;
  phases_before_ = now;
  return over_ranks(times, communicator_);
}

// Says how many updates overflowed in the epoch.
template <class Device, class T>
void TrainingRun<Device, T>::report_loss_scale() {
  const ops::StepState state = trainer_.state();
  if (state.skipped > skipped_) reporter_.note(skipped_note(state.skipped - skipped_, state.loss_scale));
  skipped_ = state.skipped;
  require_loss_scale(state.loss_scale, options_.learning_rate);
}

template <class Device, class T>
void TrainingRun<Device, T>::report_profile() {
  PhaseTimes times = trainer_.profiler().seconds();
  times[static_cast<std::size_t>(Phase::evaluation)] += parts_.evaluation.seconds();
  const PhaseSummary phases = over_ranks(times, communicator_);
  communicator_.together([&] { reporter_.profile(phases); });
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class TrainingRun<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
