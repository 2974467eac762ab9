// What a rank reads before it computes anything.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "neumf/checkpoint/checkpoint.hpp"
#include "neumf/comm/communicator.hpp"
#include "neumf/config/options.hpp"
#include "neumf/data/dataset.hpp"

namespace neumf {

struct Inputs {
  Dataset dataset;
  Shard shard;
  ModelShape shape;
  std::optional<CheckpointInfo> checkpoint;       // to start from, of --load_checkpoint_path
  std::vector<std::filesystem::path> saved_runs;  // to go on from with --resume, newest first
};

// Collective: fails on all ranks if it fails on one.
Inputs read_inputs(const Options& options, const Communicator& communicator);

// Training interactions of each item, over all ranks' users. Collective.
std::vector<std::uint64_t> count_items(const Inputs& inputs, const Communicator& communicator);

// Fails unless the checkpoint fits the data set and the options that were given.
void require_match(const std::filesystem::path& master, const CheckpointInfo& info, const Options& options,
                   const Dataset& dataset);

}  // namespace neumf
