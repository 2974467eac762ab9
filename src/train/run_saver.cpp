#include "run_saver.hpp"

#include <fmt/format.h>

#include "item_counts.hpp"
#include "neumf/checkpoint/files.hpp"
#include "neumf/core/error.hpp"
#include "neumf/nn/instantiate.hpp"

namespace neumf {

template <class Device, class T>
std::optional<SavedRun> resume(RunParts<Device, T>& parts) {
  const Inputs& inputs = parts.inputs;
  for (const auto& path : inputs.saved_runs) {
    try {
      SavedRun run{.path = path, .info = {}, .state = {}};
      parts.communicator.together([&] {
        run.info = read_checkpoint_info(path);
        require_same_catalogue(path, run.info, parts.options, inputs.dataset);
        require(run.info.dataset_id == inputs.dataset.id(),
                "{}: the run was trained on another data set than {}; with --load_checkpoint_path the model "
                "can be a start there",
                path.string(), parts.options.data.string());
        run.state = load_training_state(parts.context, path, parts.parameters, parts.kept_in_order(),
                                        parts.communicator.rank(), parts.communicator.size());
      });
      return run;
    } catch (const CollectiveError& error) {
      if (path == inputs.saved_runs.back()) throw;
      parts.reporter.note(fmt::format("warning: {}; trying the saved run before it", error.what()));
    }
  }
  return std::nullopt;
}

template <class Device, class T>
RunSaver<Device, T>::RunSaver(RunParts<Device, T>& parts, const std::optional<CheckpointDirectory>& directory)
    : parts_(parts) {
  if (!directory) return;
  directory_ = directory->path();
  item_counts_ = count_items(parts.inputs.shard, parts.inputs.dataset.items(), parts.communicator);
  writer_.emplace(parts.context, parts.communicator, *directory, parts.inputs.dataset, parts.parameters,
                  parts.inputs.shard.users, parts.first_row, parts.options.keep_last);
}

template <class Device, class T>
bool RunSaver<Device, T>::due_now() const {
  const double interval = parts_.options.checkpoint_every.seconds;
  return saves() && parts_.communicator.is_root() && interval > 0 && since_last_save_.seconds() >= interval;
}

template <class Device, class T>
bool RunSaver<Device, T>::due_after(int epoch) const {
  const auto& every = parts_.options.checkpoint_every;
  const bool last = epoch == parts_.options.epochs;
  return saves() && ((every.epochs > 0 && epoch % every.epochs == 0) || (last && every.seconds > 0));
}

template <class Device, class T>
CheckpointInfo RunSaver<Device, T>::describe(int epoch, const EpochReport& evaluated) const {
  CheckpointInfo info;
  info.shape = parts_.inputs.shape;
  info.dataset_id = parts_.inputs.dataset.id();
  info.epoch = epoch;
  info.hit_rate = evaluated.hit_rate;
  info.ndcg = evaluated.ndcg;
  info.full = evaluated.full;
  info.part = parts_.inputs.selection();
  info.topk = parts_.options.topk;
  info.options = to_ini(parts_.options);
  info.item_counts = item_counts_;
  return info;
}

template <class Device, class T>
CheckpointInfo RunSaver<Device, T>::describe(const TrainingState& state) const {
  return describe(state.epoch, state.history.empty() ? EpochReport() : state.history.back());
}

template <class Device, class T>
void RunSaver<Device, T>::save_best(const TrainingState& state) {
  if (writer_) writer_->save_best(describe(state));
}

template <class Device, class T>
void RunSaver<Device, T>::save_run(const TrainingState& state) {
  if (!writer_) return;
  writer_->save_run(describe(state), state);
  since_last_save_.restart();
}

template <class Device, class T>
void RunSaver<Device, T>::save_tested(CheckpointInfo kept, const EpochReport& test) {
  kept.test = test.sampled;
  kept.test_full = test.full;
  writer_->save_best(kept);
  writer_->finish();
}

template <class Device, class T>
CheckpointInfo RunSaver<Device, T>::load_best(Parameters<Device, T>& parameters) const {
  CheckpointInfo info;
  parts_.communicator.together([&] {
    const auto best = checkpoint_files::master(directory_, checkpoint_files::best);
    info = read_checkpoint_info(best);
    load_checkpoint(parts_.context, best, parameters, parts_.kept_in_order());
  });
  info.item_counts = item_counts_;
  return info;
}

template <class Device, class T>
void RunSaver<Device, T>::poll() {
  if (writer_) writer_->poll();
}

template <class Device, class T>
void RunSaver<Device, T>::check() {
  if (writer_) writer_->check();
}

template <class Device, class T>
void RunSaver<Device, T>::finish() {
  if (writer_) writer_->finish();
}

template <class Device, class T>
void RunSaver<Device, T>::report(Reporter& reporter) const {
  if (writer_) reporter.checkpoints(writer_->saves(), parts_.communicator.max(writer_->seconds_waited()));
}

#define NEUMF_INSTANTIATE(DEVICE, T)                                   \
  template std::optional<SavedRun> resume(RunParts<DEVICE, T>& parts); \
  template class RunSaver<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
