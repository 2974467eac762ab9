// What is said about a run: at its start, to people and to programs, and where its time went.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "neumf/checkpoint/checkpoint.hpp"
#include "neumf/comm/communicator.hpp"
#include "neumf/config/options.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/profiler.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/evaluate/epoch_report.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/report/reporter.hpp"

namespace neumf {

// For programs. `gradients`: what exchanges them, "none" in a test. Collective.
template <class Device, class T>
RunFacts run_facts(const Context<Device>& context, const Communicator& communicator, const Options& options,
                   const Dataset& dataset, const ModelShape& shape, const Parameters<Device, T>& parameters,
                   const std::string& gradients);

// What the start-up table says beside options and facts.
struct RunStart {
  std::string device;                   // Context::description()
  std::uint64_t bytes = 0;              // in memory, of the rank that has most
  std::uint64_t updates_per_epoch = 0;  // in training
  std::filesystem::path resumed_from;   // a saved run, or empty
  int epochs_done = 0;                  // by that run
  std::uint64_t updates_done = 0;       // of the epoch after those
};

// The start-up table, for Reporter::start. `checkpoint`: that the run starts from, or that is tested.
std::vector<std::pair<std::string, std::string>> start_rows(const Options& options, const Dataset& dataset,
                                                            const ModelShape& shape,
                                                            const std::optional<CheckpointInfo>& checkpoint,
                                                            const RunFacts& facts, const RunStart& start);

// What the user should know of the checkpoint that the run starts from, a line each.
std::vector<std::string> checkpoint_notes(const Options& options, const Dataset& dataset,
                                          const CheckpointInfo& checkpoint, bool resumed);

// "3 updates skipped ...", after an epoch.
std::string skipped_note(std::int64_t skipped, float loss_scale);

// Seconds by phase of all ranks from those of each. Collective.
PhaseSummary over_ranks(const PhaseTimes& times, const Communicator& communicator);

}  // namespace neumf
