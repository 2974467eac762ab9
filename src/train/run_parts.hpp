// What training and testing both have from their first to their last moment.
#pragma once

#include <cstddef>
#include <cstdint>

#include "epoch_evaluation.hpp"
#include "inputs.hpp"
#include "neumf/comm/communicator.hpp"
#include "neumf/config/options.hpp"
#include "neumf/core/context.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/report/reporter.hpp"
#include "neumf/train/heartbeat.hpp"

namespace neumf {

template <class Device, class T>
struct RunParts {
  // The parameters are new, or those of --load_checkpoint_path. Not collective: a rank may fail alone.
  RunParts(Context<Device>& run_context, const Options& run_options, const Communicator& ranks,
           const Inputs& run_inputs, Heartbeat& run_heartbeat);

  Context<Device>& context;
  const Options& options;
  const Communicator& communicator;
  const Inputs& inputs;
  Heartbeat& heartbeat;
  Reporter reporter;
  UserRange users;         // whose rows this rank holds: all users where they are replicated
  std::int64_t first_row;  // of this rank's own first user in the user tables
  Parameters<Device, T> parameters;
  EpochEvaluation<Device, T> evaluation;
  // For --per_user, on rank 0: the data set's files may be gone by its time.
  std::vector<std::string> user_ids;

  // Writes --per_user, where it is given, from a test's last evaluation. Collective. After all else that a
  // run has to say: it may fail.
  void write_per_user(const EpochEvaluation<Device, T>& test) const;

  std::size_t bytes() const { return parameters.bytes() + evaluation.bytes(); }
};

}  // namespace neumf
