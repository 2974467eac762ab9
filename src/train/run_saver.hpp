// What keeps a run in --checkpoint_dir, and what goes on from there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "neumf/checkpoint/checkpoint.hpp"
#include "neumf/checkpoint/directory.hpp"
#include "neumf/checkpoint/writer.hpp"
#include "neumf/core/stopwatch.hpp"
#include "run_parts.hpp"

namespace neumf {

// A saved run that this one goes on from.
struct SavedRun {
  std::filesystem::path path;
  CheckpointInfo info;
  TrainingState state;
};

// Loads the newest saved run that is whole into the parameters; nothing where there is none. A run that
// cannot be read is reported and passed over. Collective.
template <class Device, class T>
std::optional<SavedRun> resume(RunParts<Device, T>& parts);

// Saves the best model and the state of training, as the options say. Without a directory nothing is ever
// saved or due, and every member does nothing.
template <class Device, class T>
class RunSaver {
 public:
  // Collective.
  RunSaver(RunParts<Device, T>& parts, const std::optional<CheckpointDirectory>& directory);

  bool saves() const { return writer_.has_value(); }
  // As CheckpointWriter's; empty without a directory.
  std::string_view newest_run() const { return writer_ ? writer_->newest_run() : std::string_view(); }
  // Whether the seconds of --checkpoint_every have passed on rank 0; never on others.
  bool due_now() const;
  // Whether the run is to be saved after an epoch.
  bool due_after(int epoch) const;

  // As CheckpointWriter's members. `state`: where training stands.
  void save_best(const TrainingState& state);
  void save_run(const TrainingState& state);
  // Saves the parameters, which are those that `kept` describes, as the best model again, now with the result
  // of their test. Collective.
  void save_tested(CheckpointInfo kept, const EpochReport& test);
  // Loads the best model into the parameters, and returns what is known of it. Collective.
  CheckpointInfo load_best(Parameters<Device, T>& parameters) const;
  // Of a model that was trained `epoch` epochs and then evaluated.
  CheckpointInfo describe(int epoch, const EpochReport& evaluated) const;
  void poll();
  void check();
  void finish();
  // Tells what saving has cost. Collective.
  void report(Reporter& reporter) const;

 private:
  CheckpointInfo describe(const TrainingState& state) const;

  const RunParts<Device, T>& parts_;
  std::filesystem::path directory_;
  std::vector<std::uint64_t> item_counts_;
  std::optional<CheckpointWriter<Device, T>> writer_;
  Stopwatch since_last_save_;
};

}  // namespace neumf
