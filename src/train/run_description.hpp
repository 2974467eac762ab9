// What is said about a run: at its start, to people and to programs; in its checkpoints; and where its time
// went.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "inputs.hpp"
#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/profiler.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/train/checkpoint.hpp"
#include "neumf/train/epoch_report.hpp"
#include "neumf/train/options.hpp"
#include "neumf/train/reporter.hpp"
#include "neumf/train/trainer.hpp"

namespace neumf {

// For programs. `trainer`: null in a test. Collective.
template <class Device, class T>
RunFacts run_facts(const Context<Device>& context, const Communicator& communicator, const Options& options,
                   const Inputs& inputs, const Parameters<Device, T>& parameters,
                   const Trainer<Device, T>* trainer);

// What the start-up table says beside options, inputs and facts.
struct RunStart {
  std::string device;                   // Context::description()
  std::uint64_t bytes = 0;              // in memory, of the rank that has most
  std::uint64_t updates_per_epoch = 0;  // in training
  std::filesystem::path resumed_from;   // a saved run, or empty
  int epochs_done = 0;                  // by that run
  std::uint64_t updates_done = 0;       // of the epoch after those
};

// The start-up table, for Reporter::start.
std::vector<std::pair<std::string, std::string>> start_rows(const Options& options, const Inputs& inputs,
                                                            const RunFacts& facts, const RunStart& start);

// What the user should know of the checkpoint that the run starts from, a line each; nothing without one.
std::vector<std::string> checkpoint_notes(const Options& options, const Inputs& inputs, bool resumed);

// "3 updates skipped ...", after an epoch.
std::string skipped_note(std::int64_t skipped, float loss_scale);

// Seconds by phase of all ranks from those of each. Collective.
PhaseSummary over_ranks(const PhaseTimes& times, const Communicator& communicator);

// What a checkpoint says that is written now. `item_counts`: as in CheckpointInfo.
CheckpointInfo checkpoint_info(const Options& options, const Inputs& inputs, const TrainingState& state,
                               const std::vector<std::uint64_t>& item_counts);

}  // namespace neumf
