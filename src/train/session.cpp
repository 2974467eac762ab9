#include "neumf/train/session.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <type_traits>

#include "item_share.hpp"
#include "neumf/checkpoint/keras_weights.hpp"
#include "neumf/checkpoint/weights.hpp"
#include "neumf/core/exit_status.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/report/run_description.hpp"
#include "neumf/train/least_squares_trainer.hpp"
#include "neumf/train/stop_signals.hpp"
#include "neumf/train/trainer.hpp"
#include "neumf/train/watchdog.hpp"
#include "run_parts.hpp"
#include "run_saver.hpp"
#include "trainer_spec.hpp"
#include "training_run.hpp"
#include "trivial_ranking.hpp"

namespace neumf {
namespace {

// `checkpoint`: that the run starts from or tests. `start.bytes`: of this rank. Collective.
template <class Device, class T>
void report_start(RunParts<Device, T>& parts, const std::optional<CheckpointInfo>& checkpoint, RunStart start,
                  const std::string& gradients, const std::string& warning) {
  const Options& options = parts.options;
  const Inputs& inputs = parts.inputs;
  start.device = parts.context.description();
  start.bytes = parts.communicator.max(start.bytes);
  const RunFacts facts = run_facts(parts.context, parts.communicator, options, inputs.dataset, inputs.shape,
                                   parts.parameters, gradients);
  parts.communicator.together([&] {
    parts.reporter.start(start_rows(options, inputs.dataset, inputs.shape, checkpoint, facts, start), facts);
  });
  if (!warning.empty()) parts.reporter.note("warning: " + warning);
  for (const auto& note : inputs.notes) parts.reporter.note(note);
  if (const auto note = trivial_ranking(options, inputs, parts.communicator); !note.empty())
    parts.reporter.note("warning: " + note);
  if (!checkpoint) return;
  for (const auto& note : checkpoint_notes(options, inputs.dataset, *checkpoint, !start.resumed_from.empty()))
    parts.reporter.note(note);
}

template <class Device, class T>
void test(RunParts<Device, T>& parts) {
  const auto& checkpoint = parts.inputs.checkpoint;
  report_start(parts, checkpoint, {.device = {}, .bytes = parts.bytes(), .resumed_from = {}}, "none", "");
  EpochReport report;
  report.epoch = checkpoint->epoch;
  parts.evaluation.run(report);
  parts.reporter.evaluation(report);
  parts.write_per_user(parts.evaluation);
}

// Brings the trainer to where a saved run stood, and returns what it goes on from.
template <class Device, class T>
TrainingState restore(const SavedRun& saved, EpochTrainer<Device>& trainer) {
  TrainingState state = saved.state;
  // Another batch size cuts the epoch into other updates: then what is left of it is left out.
  state.update = std::min(state.update, trainer.updates_per_epoch());
  ops::StepState device = state.device;
  if constexpr (!std::is_same_v<T, float16>) device.loss_scale = 1.0f;
  trainer.restore(device);
  return state;
}

// Goes on with the moments of the model that is the start, where its file has them.
template <class Device, class T>
void take_optimizer(RunParts<Device, T>& parts, EpochTrainer<Device>& trainer) {
  parts.communicator.together([&] {
    if (is_keras_weights(parts.options.load_checkpoint_path)) return;
    auto device = load_optimizer(parts.context, parts.options.load_checkpoint_path, parts.parameters,
                                 parts.kept(parts.inputs.rows));
    if (!device) return;
    if constexpr (!std::is_same_v<T, float16>) device->loss_scale = 1.0f;
    device->skipped = 0;
    trainer.restore(*device);
  });
}

// Not collective: a rank may lack the memory.
template <class Device, class T>
std::unique_ptr<EpochTrainer<Device>> make_trainer(RunParts<Device, T>& parts) {
  const Options& o = parts.options;
  const Inputs& inputs = parts.inputs;
  if (o.loss == Loss::ials)
    return std::make_unique<LeastSquaresTrainer<Device, T>>(parts.context, parts.communicator,
                                                            parts.parameters, inputs.shape, inputs.shard,
                                                            least_squares_spec(o), &parts.heartbeat);
  return std::make_unique<Trainer<Device, T>>(
      parts.context, parts.communicator, parts.parameters, inputs.shape, inputs.shard,
      trainer_spec(o, inputs.shape, std::is_same_v<T, float16>), &parts.heartbeat, parts.shared_items());
}

// Returns the exit status.
template <class Device, class T>
int train(RunParts<Device, T>& parts, const std::optional<CheckpointDirectory>& directory) {
  const Options& options = parts.options;
  const StopSignals signals;
  const std::optional<SavedRun> saved = resume(parts);
  const bool join_pretrained = !saved && !options.pretrained_gmf.empty();
  std::unique_ptr<EpochTrainer<Device>> trainer;
  parts.communicator.together([&] { trainer = make_trainer(parts); });
  TrainingState state;
  if (saved)
    state = restore<Device, T>(*saved, *trainer);
  else if (parts.inputs.checkpoint)
    take_optimizer(parts, *trainer);
  if (join_pretrained)
    parts.communicator.together([&] {
      load_pretrained(parts.context, {options.pretrained_gmf, parts.kept(parts.inputs.gmf_rows)},
                      {options.pretrained_mlp, parts.kept(parts.inputs.mlp_rows)}, options.pretrain_alpha,
                      parts.parameters);
    });
  RunSaver<Device, T> saver(parts, directory);
  report_start(parts, saved ? std::optional(saved->info) : parts.inputs.checkpoint,
               {.device = {},
                .bytes = parts.bytes() + trainer->bytes(),
                .updates_per_epoch = trainer->updates_per_epoch(),
                .resumed_from = saved ? saved->path : std::filesystem::path(),
                .epochs_done = state.epoch,
                .updates_done = state.update},
               trainer->exchange(), trainer->warning());
  TrainingRun<Device, T> run(parts, *trainer, saver, std::move(state));
  if (join_pretrained) run.evaluate_start();
  return run.train();
}

ExistingModel existing(const Options& options) {
  return options.overwrite ? ExistingModel::replaced
         : options.resume  ? ExistingModel::kept
                           : ExistingModel::refused;
}

}  // namespace

template <class Device, class T>
int run_session(Context<Device>& context, const Options& options, const Communicator& communicator) {
  Watchdog watchdog(communicator, options.stall_timeout, options.abort_on_stall);
  // Held before anything is read from it.
  std::optional<CheckpointDirectory> directory;
  if (options.mode == Mode::train && !options.checkpoint_dir.empty())
    directory.emplace(communicator, options.checkpoint_dir, existing(options));
  const Inputs inputs = read_inputs(options, communicator);
  const auto share =
      choose_item_share<Device>(options, communicator, inputs, std::is_same_v<T, float> ? 0 : sizeof(T));
  std::optional<RunParts<Device, T>> parts;
  communicator.together(
      [&] { parts.emplace(context, options, communicator, inputs, share, watchdog.heartbeat()); });
  if (options.mode == Mode::train) return train(*parts, directory);
  test(*parts);
  return exit_status::success;
}

#define NEUMF_INSTANTIATE(DEVICE, T) \
  template int run_session<DEVICE, T>(Context<DEVICE>&, const Options&, const Communicator&);
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
