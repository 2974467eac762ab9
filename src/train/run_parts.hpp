// What training and testing both have from their first to their last moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "epoch_evaluation.hpp"
#include "inputs.hpp"
#include "neumf/comm/communicator.hpp"
#include "neumf/config/options.hpp"
#include "neumf/core/context.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/report/reporter.hpp"
#include "neumf/train/heartbeat.hpp"
#include "neumf/train/sharded_items.hpp"

namespace neumf {

template <class Device, class T>
struct RunParts {
  // The parameters are new, or those of --load_checkpoint_path. `share`: of the item tables, where they are
  // sharded. Not collective: a rank may fail alone.
  RunParts(Context<Device>& run_context, const Options& run_options, const Communicator& ranks,
           const Inputs& run_inputs, const std::optional<ItemShare>& share, Heartbeat& run_heartbeat);

  Context<Device>& context;
  const Options& options;
  const Communicator& communicator;
  const Inputs& inputs;
  Heartbeat& heartbeat;
  Reporter reporter;
  UserRange users;         // whose rows this rank holds: all users where they are replicated
  std::int64_t first_row;  // of this rank's own first user in the user tables
  Parameters<Device, T> parameters;
  std::optional<ShardedItems<Device, T>> sharded_items;  // with --item_embeddings sharded
  EpochEvaluation<Device, T> evaluation;
  // For --per_user, on rank 0: the data set's files may be gone by its time.
  std::vector<std::string> user_ids;

  // Writes --per_user, where it is given, from a test's last evaluation. Collective. After all else that a
  // run has to say: it may fail.
  void write_per_user(const EpochEvaluation<Device, T>& test) const;

  ShardedItems<Device, T>* shared_items() { return sharded_items ? &*sharded_items : nullptr; }
  // Of a file's rows for all items, those for the items that this rank keeps.
  WeightRows kept(const WeightRows& rows) const {
    return parameters.item_share() ? rows.of(*parameters.item_share()) : rows;
  }
  // The rows of a file that has this data set's users and items in order.
  WeightRows kept_in_order() const { return kept(WeightRows::in_order(users, inputs.dataset.items())); }

  std::size_t bytes() const {
    return parameters.bytes() + (sharded_items ? sharded_items->bytes() : 0) + evaluation.bytes();
  }
};

}  // namespace neumf
