// Writes checkpoints (checkpoint/checkpoint.hpp) while training goes on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "neumf/checkpoint/checkpoint.hpp"
#include "neumf/checkpoint/directory.hpp"
#include "neumf/comm/communicator.hpp"
#include "neumf/comm/flag_exchange.hpp"
#include "neumf/core/context.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/nn/parameters.hpp"

namespace neumf {

// save() copies what is to be written to host memory; a thread writes and syncs this rank's files; once every
// rank's are on disk, rank 0 gives them their final names. What is left of a save that fails on any rank is
// never a checkpoint: the one before stays. Item tables that are shared out over the ranks are not copied but
// written at once, by rank 0.
//
// MPI is called by the thread that calls the members, never by the one that writes.
template <class Device, class T>
class CheckpointWriter {
 public:
  // `users`: those whose rows this rank writes; `first_row`: the first one's row in the user tables;
  // `keep_last`: how many saved runs stay. Fails if the directory has not the space for one checkpoint.
  // Collective.
  CheckpointWriter(Context<Device>& context, const Communicator& communicator,
                   const CheckpointDirectory& directory, const Dataset& dataset,
                   Parameters<Device, T>& parameters, const UserRange& users, std::int64_t first_row,
                   int keep_last);
  // Waits for the thread; what it wrote stays unpublished unless finish() was called.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Starts to write the best model, or a saved run if `state` is given. Waits for the write before. Fails as
  // finish() does, and where a weight or moment is not a finite number. Collective.
  void save_best(const CheckpointInfo& info);
  void save_run(const CheckpointInfo& info, const TrainingState& state);
  // Publishes what has been written. To be called now and then; costs nothing where nothing is being written.
  void poll();
  // Throws CollectiveError on every rank if a write has failed on any. Collective.
  void check();
  // Waits until everything is published, then check(). Collective.
  void finish();

  // The newest saved run that was published here, and where it stands, for people; on rank 0.
  const std::string& newest_run() const { return newest_run_; }
  // What this rank's training has waited for saves, in seconds, and how many there were.
  double seconds_waited() const { return seconds_waited_; }
  int saves() const { return saves_; }

 private:
  struct Snapshot;

  void save(const CheckpointInfo& info, const TrainingState* state);
  void take_snapshot(bool moments);
  void write_items(bool moments);
  void write_files() const;
  void join_writing();
  void publish();
  std::int64_t bytes_per_save(bool moments) const;

  Context<Device>& context_;
  const Communicator& communicator_;
  FlagExchange outcomes_;  // not 0 if a rank could not write its files
  std::filesystem::path directory_;
  Parameters<Device, T>& parameters_;
  UserRange users_;
  std::int64_t first_row_;
  int keep_last_;
  std::int64_t run_number_ = 0;  // of the newest saved run
  std::string newest_run_;
  std::vector<std::string> user_ids_, item_ids_;
  std::unique_ptr<Snapshot> snapshot_;  // memory kept from save to save
  std::future<void> writing_;
  std::string failure_;  // of this rank
  double seconds_waited_ = 0;
  int saves_ = 0;
};

}  // namespace neumf
