#include "neumf/train/session.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <type_traits>

#include "divergence.hpp"
#include "epoch_history.hpp"
#include "inputs.hpp"
#include "neumf/checkpoint/weights.hpp"
#include "neumf/checkpoint/writer.hpp"
#include "neumf/comm/flag_exchange.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/exit_status.hpp"
#include "neumf/evaluate/evaluator.hpp"
#include "neumf/evaluate/full_evaluator.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/report/reporter.hpp"
#include "neumf/report/run_description.hpp"
#include "neumf/train/stop_signals.hpp"
#include "neumf/train/trainer.hpp"
#include "neumf/train/watchdog.hpp"
#include "trainer_spec.hpp"

namespace neumf {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// What ranks agree on between updates.
enum Wish : std::uint32_t { wish_to_save = 1, wish_to_stop = 2 };

// What a checkpoint says that is written now. `item_counts`: as in CheckpointInfo.
CheckpointInfo checkpoint_info(const Options& options, const Inputs& inputs, const TrainingState& state,
                               const std::vector<std::uint64_t>& item_counts) {
  CheckpointInfo info;
  info.shape = inputs.shape;
  info.dataset_id = inputs.dataset->id();
  info.epoch = state.epoch;
  if (!state.history.empty()) {
    info.hit_rate = state.history.back().hit_rate;
    info.ndcg = state.history.back().ndcg;
    info.full = state.history.back().full;
  }
  info.topk = options.topk;
  info.options = to_ini(options);
  info.item_counts = item_counts;
  return info;
}

template <class Device, class T>
class Session {
 public:
  // `directory`: where to save, or null.
  Session(Context<Device>& context, const Options& options, const Communicator& communicator, Inputs inputs,
          const CheckpointDirectory* directory, Heartbeat& heartbeat)
      : context_(context),
        options_(options),
        communicator_(communicator),
        inputs_(std::move(inputs)),
        directory_(directory),
        heartbeat_(heartbeat),
        replicated_(options.user_embeddings == UserEmbeddings::replicated),
        first_row_(replicated_ ? inputs_.shard.users.first : 0) {
    communicator_.together([&] {
      reporter_ = std::make_unique<Reporter>(options_, communicator_.is_root());
      const auto user_rows = replicated_ ? inputs_.dataset->users() : inputs_.shard.users.size();
      parameters_ = std::make_unique<Parameters<Device, T>>(context_, inputs_.shape,
                                                            static_cast<std::int64_t>(user_rows));
      parameters_->initialise(context_, options_.seed, replicated_ ? 0 : inputs_.shard.users.first);
      if (inputs_.checkpoint)
        load_weights(context_, options_.load_checkpoint_path, *parameters_, users_in_memory(), 0);
      const auto block =
          std::min<std::int64_t>(options_.valid_batch_size / communicator_.size(), context_.block_samples());
      evaluator_ = std::make_unique<Evaluator<Device, T>>(
          context_, *parameters_, inputs_.shape, inputs_.shard, static_cast<std::uint32_t>(first_row_), block,
          every_k(options_));
      if (options_.evaluation == Evaluation::full)
        full_evaluator_ = std::make_unique<FullEvaluator<Device, T>>(
            context_, *parameters_, inputs_.shape, inputs_.shard, static_cast<std::uint32_t>(first_row_),
            block, every_k(options_));
    });
  }

  void test() {
    report_start();
    EpochReport report;
    report.epoch = inputs_.checkpoint->epoch;
    evaluate(report);
    reporter_->evaluation(report);
  }

  // Returns the exit status.
  int train() {
    const StopSignals signals;
    resume();
    communicator_.together([&] {
      trainer_ = std::make_unique<Trainer<Device, T>>(
          context_, communicator_, *parameters_, inputs_.shape, inputs_.shard,
          trainer_spec(options_, inputs_.shape, std::is_same_v<T, float16>), &heartbeat_);
    });
    if (resumed())
      restore_trainer();
    else if (pretrained())
      communicator_.together([&] {
        load_pretrained(context_, options_.pretrained_gmf, options_.pretrained_mlp, options_.pretrain_alpha,
                        *parameters_, users_in_memory(), 0);
      });
    if (directory_ != nullptr) {
      item_counts_ = count_items(inputs_, communicator_);
      writer_ = std::make_unique<CheckpointWriter<Device, T>>(
          context_, communicator_, *directory_, *inputs_.dataset, *parameters_, inputs_.shard.users,
          static_cast<std::int64_t>(first_row_), options_.keep_last);
    }
    report_start();
    started_ = last_save_ = Clock::now();
    seconds_before_ = state_.seconds;
    FlagExchange wishes(communicator_);
    if (pretrained() && !resumed()) evaluate_start();
    bool reached = best_target(state_.history) >= options_.threshold;
    while (state_.epoch < options_.epochs && !reached &&
           !out_of_patience(state_.history, options_.patience)) {
      if (!train_epoch(wishes)) return interrupted();
      reached = state_.history.back().target() >= options_.threshold;
    }
    if (!reached && out_of_patience(state_.history, options_.patience))
      reporter_->note(
          fmt::format("stopped: HR@{} has not risen for {} epochs", options_.topk, options_.patience));
    if (writer_) writer_->finish();
    communicator_.together([&] { reporter_->summary(state_.history, reached); });
    report_checkpoints();
    if (options_.profile) report_profile();
    return exit_status::success;
  }

 private:
  // Every rank needs all users' rows where they are replicated.
  UserRange users_in_memory() const {
    return replicated_ ? UserRange{0, inputs_.dataset->users()} : inputs_.shard.users;
  }
  bool resumed() const { return !resumed_from_.empty(); }
  bool pretrained() const { return !options_.pretrained_gmf.empty(); }
  double seconds() const { return seconds_before_ + communicator_.max(seconds_since(started_)); }

  // Loads the newest saved run that is whole.
  void resume() {
    for (const auto& run : inputs_.saved_runs) {
      try {
        communicator_.together([&] {
          inputs_.checkpoint = read_checkpoint_info(run);
          require_match(run, *inputs_.checkpoint, options_, *inputs_.dataset);
          require(
              inputs_.checkpoint->dataset_id == inputs_.dataset->id(),
              "{}: the run was trained on another data set than {}; with --load_checkpoint_path the model "
              "can be a start there",
              run.string(), options_.data.string());
          state_ = load_training_state(context_, run, *parameters_, users_in_memory(), 0,
                                       communicator_.rank(), communicator_.size());
        });
        resumed_from_ = run;
        return;
      } catch (const CollectiveError& error) {
        if (run == inputs_.saved_runs.back()) throw;
        reporter_->note(fmt::format("warning: {}; trying the saved run before it", error.what()));
      }
    }
  }

  void restore_trainer() {
    // Another batch size cuts the epoch into other updates: then what is left of it is left out.
    state_.update = std::min(state_.update, trainer_->schedule().steps());
    ops::StepState device = state_.device;
    if constexpr (!std::is_same_v<T, float16>) device.loss_scale = 1.0f;
    trainer_->restore(device);
    skipped_ = device.skipped;
  }

  // Joined models are worth something before they are trained together: epoch 0.
  void evaluate_start() {
    EpochReport report;
    evaluate(report);
    report.seconds_since_start = seconds();
    report.best = true;
    communicator_.together([&] { reporter_->epoch(report); });
    state_.history.push_back(report);
    if (!writer_) return;
    save_best();
    writer_->check();
  }

  // False if a signal ended it before its evaluation.
  bool train_epoch(FlagExchange& wishes) {
    EpochReport report;
    report.epoch = state_.epoch + 1;
    report.learning_rate = learning_rate(options_).at(report.epoch);
    trainer_->set_learning_rate(static_cast<float>(report.learning_rate));
    communicator_.barrier();
    const auto start = Clock::now();
    const std::uint64_t first = state_.update;
    const auto loss = trainer_->train_epoch(static_cast<std::uint32_t>(state_.epoch), first,
                                            [&](std::uint64_t done, std::uint64_t total) {
                                              state_.update = done;
                                              reporter_->progress(report.epoch, done, total);
                                              return between_updates(wishes);
                                            });
    if (!loss) return false;
    report.train_loss = *loss;
    report.train_seconds = communicator_.max(seconds_since(start));
    report.train_throughput = static_cast<double>(trainer_->samples(first)) / report.train_seconds;
    evaluate(report);
    report.updates = trainer_->schedule().steps() - first;
    report.bytes_per_update = communicator_.max(trainer_->bytes_per_update());
    if (options_.profile) report.phases = epoch_phases(report);
    report.seconds_since_start = seconds();
    report.best = report.target() > best_target(state_.history);
    communicator_.together([&] { reporter_->epoch(report); });
    report_loss_scale();
    require_finite_loss(report.train_loss, report.epoch, options_.learning_rate);
    state_.history.push_back(report);
    state_.epoch = report.epoch;
    state_.update = 0;
    if (!writer_) return true;
    trainer_->profiler().measure(Phase::checkpoint, [&] {
      heartbeat_.enter(Phase::checkpoint);
      if (report.best) save_best();
      const int every = options_.checkpoint_every.epochs;
      const bool last = report.epoch == options_.epochs;
      if ((every > 0 && report.epoch % every == 0) || (last && options_.checkpoint_every.seconds > 0))
        save_run();
      writer_->check();
    });
    return true;
  }

  // Saves if it is time to, and returns whether to go on. What a rank wishes is known to all one update
  // later.
  bool between_updates(FlagExchange& wishes) {
    if (writer_) writer_->poll();
    const std::uint32_t agreed = wishes.end();
    std::uint32_t wished = 0;
    if (StopSignals::received() != 0) wished |= wish_to_stop;
    const double interval = options_.checkpoint_every.seconds;
    if (communicator_.is_root() && interval > 0 && seconds_since(last_save_) >= interval)
      wished |= wish_to_save;
    wishes.begin(wished);
    if ((agreed & wish_to_stop) != 0) return false;
    if ((agreed & wish_to_save) != 0 && writer_) {
      trainer_->profiler().measure(Phase::checkpoint, [&] {
        heartbeat_.enter(Phase::checkpoint);
        save_run();
      });
    }
    return true;
  }

  void save_best() { writer_->save_best(checkpoint_info(options_, inputs_, state_, item_counts_)); }

  void save_run() {
    trainer_->complete_updates();
    state_.device = trainer_->state();
    // Never save what cannot be trained on.
    require_finite_loss(communicator_.sum(state_.device.loss), state_.epoch + 1, options_.learning_rate);
    state_.seconds = seconds();
    writer_->save_run(checkpoint_info(options_, inputs_, state_, item_counts_), state_);
    last_save_ = Clock::now();
  }

  // After a signal.
  int interrupted() {
    const auto signal = static_cast<int>(communicator_.max(std::int32_t{StopSignals::received()}));
    if (!writer_) {
      reporter_->interrupted(
          fmt::format("stopped by signal {}; nothing is saved without --checkpoint_dir", signal));
      return exit_status::killed_by(signal);
    }
    save_run();
    writer_->finish();
    reporter_->interrupted(fmt::format(
        "stopped by signal {} in epoch {}, after {} of its {} updates; the run is saved, --resume goes on",
        signal, state_.epoch + 1, state_.update, trainer_->schedule().steps()));
    report_checkpoints();
    return exit_status::interrupted;
  }

  void report_start() {
    std::uint64_t bytes = parameters_->bytes() + evaluator_->bytes();
    if (full_evaluator_) bytes += full_evaluator_->bytes();
    if (trainer_) bytes += trainer_->bytes();
    const RunStart start{.device = context_.description(),
                         .bytes = communicator_.max(bytes),
                         .updates_per_epoch = trainer_ ? trainer_->schedule().steps() : 0,
                         .resumed_from = resumed_from_,
                         .epochs_done = state_.epoch,
                         .updates_done = state_.update};
    const RunFacts facts = run_facts(context_, communicator_, options_, *inputs_.dataset, inputs_.shape,
                                     *parameters_, trainer_ ? trainer_->reducer().name() : "none");
    communicator_.together([&] {
      reporter_->start(
          start_rows(options_, *inputs_.dataset, inputs_.shape, inputs_.checkpoint, facts, start), facts);
    });
    if (trainer_ && !trainer_->reducer().warning().empty())
      reporter_->note("warning: " + trainer_->reducer().warning());
    if (!inputs_.checkpoint) return;
    for (const auto& note : checkpoint_notes(options_, *inputs_.dataset, *inputs_.checkpoint, resumed()))
      reporter_->note(note);
  }

  void evaluate(EpochReport& report) {
    communicator_.barrier();
    heartbeat_.enter(Phase::evaluation);
    const auto start = Clock::now();
    const Metrics metrics = evaluator_->evaluate(context_, communicator_);
    report.evaluation_seconds = communicator_.max(seconds_since(start));
    evaluation_seconds_ += report.evaluation_seconds;
    report.hit_rate = metrics.hit_rate;
    report.ndcg = metrics.ndcg;
    report.validation_loss = metrics.loss;
    report.sampled = metrics.ranking;
    report.evaluation_throughput =
        static_cast<double>(communicator_.sum(evaluator_->samples())) / report.evaluation_seconds;
    if (!full_evaluator_) return;
    const auto full_start = Clock::now();
    report.full = full_evaluator_->evaluate(context_, communicator_);
    report.full_seconds = communicator_.max(seconds_since(full_start));
    evaluation_seconds_ += report.full_seconds;
  }

  void report_checkpoints() {
    if (writer_) reporter_->checkpoints(writer_->saves(), communicator_.max(writer_->seconds_waited()));
  }

  void report_profile() {
    PhaseTimes times = trainer_->profiler().seconds();
    times[static_cast<std::size_t>(Phase::evaluation)] += evaluation_seconds_;
    const PhaseSummary phases = over_ranks(times, communicator_);
    communicator_.together([&] { reporter_->profile(phases); });
  }

  PhaseSummary epoch_phases(const EpochReport& report) {
    const PhaseTimes now = trainer_->profiler().seconds();
    PhaseTimes times{};
    for (std::size_t i = 0; i < phase_count; ++i) times[i] = now[i] - phases_before_[i];
    times[static_cast<std::size_t>(Phase::evaluation)] = report.evaluation_seconds;
    phases_before_ = now;
    return over_ranks(times, communicator_);
  }

  // Says how many updates overflowed in the epoch.
  void report_loss_scale() {
    const ops::StepState state = trainer_->state();
    if (state.skipped > skipped_) reporter_->note(skipped_note(state.skipped - skipped_, state.loss_scale));
    skipped_ = state.skipped;
    require_loss_scale(state.loss_scale, options_.learning_rate);
  }

  Context<Device>& context_;
  const Options& options_;
  const Communicator& communicator_;
  Inputs inputs_;
  const CheckpointDirectory* directory_;
  Heartbeat& heartbeat_;
  bool replicated_;
  std::uint64_t first_row_;
  std::filesystem::path resumed_from_;
  TrainingState state_;
  Clock::time_point started_, last_save_;
  double seconds_before_ = 0;               // trained by the runs that this one goes on from
  double evaluation_seconds_ = 0;           // of this run
  std::int64_t skipped_ = 0;                // when it was last reported
  std::vector<std::uint64_t> item_counts_;  // for checkpoints
  PhaseTimes phases_before_{};              // at the end of the last epoch
  std::unique_ptr<Reporter> reporter_;
  std::unique_ptr<Parameters<Device, T>> parameters_;
  std::unique_ptr<Evaluator<Device, T>> evaluator_;
  std::unique_ptr<FullEvaluator<Device, T>> full_evaluator_;  // with --eval full
  std::unique_ptr<Trainer<Device, T>> trainer_;
  std::unique_ptr<CheckpointWriter<Device, T>> writer_;
};

}  // namespace

template <class Device, class T>
int run_session(Context<Device>& context, const Options& options, const Communicator& communicator) {
  Watchdog watchdog(communicator, options.stall_timeout, options.abort_on_stall);
  std::optional<CheckpointDirectory> directory;
  if (options.mode == Mode::train && !options.checkpoint_dir.empty())
    directory.emplace(communicator, options.checkpoint_dir);
  Session<Device, T> session(context, options, communicator, read_inputs(options, communicator),
                             directory ? &*directory : nullptr, watchdog.heartbeat());
  if (options.mode == Mode::train) return session.train();
  session.test();
  return exit_status::success;
}

#define NEUMF_INSTANTIATE(DEVICE, T) \
  template int run_session<DEVICE, T>(Context<DEVICE>&, const Options&, const Communicator&);
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
