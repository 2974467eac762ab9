// Saving a model and loading it again, on any number of ranks.
//
// A checkpoint is a master file and one part per rank that wrote it:
//   DIR/best.h5                            /model/<name> of every shared weight (nn/parameters.hpp), the
//   original ids
//                                          /ids/users and /ids/items, attributes below
//   DIR/best.<generation>.part-0000-of-0002.h5   /model/user_gmf and /model/user_mlp of users
//                                          [first_user, first_user + users)
// Master attributes: format_version, kind ("neumf-checkpoint"), generation, parts, users, items, factors,
// layers, dataset_id, epoch, hit_rate, ndcg, topk, options (as INI), created_by. The master is renamed into
// place last, so a checkpoint is either the old one or the new one, whole. Only one rank's users are in
// memory at a time: a part is read where its users meet the reader's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/nn/parameters.hpp"

namespace neumf {

// What a checkpoint says about itself.
struct CheckpointInfo {
  ModelShape shape;
  std::string dataset_id;
  int epoch = 0;  // from 1
  double hit_rate = 0, ndcg = 0;
  int topk = 10;
  std::string options;  // INI
};

// Writes DIR/NAME.h5 and its parts. `users`: those whose rows this rank writes; `first_row`: the first one's
// row in the user tables. The ids come from `dataset`. Collective: fails on all ranks if it fails on one, and
// then leaves an earlier checkpoint of that name as it was.
template <class Device, class T>
void save_checkpoint(Context<Device>& context, const Communicator& communicator,
                     const std::filesystem::path& directory, const std::string& name,
                     const CheckpointInfo& info, const Dataset& dataset, Parameters<Device, T>& parameters,
                     const UserRange& users, std::int64_t first_row);

// Reads a master file's description. Throws Error if it is not a checkpoint or of another format version.
CheckpointInfo read_checkpoint_info(const std::filesystem::path& master);

// Reads the weights: all shared ones, and the rows of `users` into the user tables from `first_row` on. The
// shape must be the parameters'. Adam's moments stay as they are.
template <class Device, class T>
void load_checkpoint(Context<Device>& context, const std::filesystem::path& master,
                     Parameters<Device, T>& parameters, const UserRange& users, std::int64_t first_row);

}  // namespace neumf
