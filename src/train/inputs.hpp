// What a rank reads before it computes anything.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
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
  std::optional<CheckpointInfo> checkpoint;       // of --load_checkpoint_path
  WeightRows rows;                                // to take from it, for the users that are in memory
  WeightRows gmf_rows, mlp_rows;                  // to take from the pre-trained parts
  std::vector<std::string> notes;                 // on how ids match, for people
  std::vector<std::filesystem::path> saved_runs;  // to go on from with --resume, newest first
  bool training = true;
  std::vector<std::uint32_t>
      known_users;  // dense ids of the shard's users in a test, which may leave some out

  std::uint32_t dense_user(std::uint32_t of_shard) const {
    return training ? static_cast<std::uint32_t>(shard.users.first) + of_shard : known_users[of_shard];
  }
  // What is evaluated after each epoch, and chosen by; a test is always one of the test items.
  HeldOutPart selection() const {
    return training && dataset.has_validation() ? HeldOutPart::validation : HeldOutPart::test;
  }
};

// In --mode test the shard and the shape are the model's: its items, and the users that it knows
// (known_cases.hpp). Collective: fails on all ranks if it fails on one.
Inputs read_inputs(const Options& options, const Communicator& communicator);

// Whether every rank holds the rows of all users. Tests never need that.
bool replicates_users(const Options& options);

// Fails unless the checkpoint has the data set's numbers of users and items, and fits the options that were
// given.
void require_same_catalogue(const std::filesystem::path& master, const CheckpointInfo& info,
                            const Options& options, const Dataset& dataset);

}  // namespace neumf
