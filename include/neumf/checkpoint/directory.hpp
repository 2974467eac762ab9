// The directory that a run saves to, held by it alone.
#pragma once

#include <filesystem>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/file_lock.hpp"

namespace neumf {

// What a new run does about models that are there already.
enum class ExistingModel {
  refused,   // it is an error
  kept,      // the run goes on from them
  replaced,  // saved runs are removed, and the best model when there is a new one
};

// Two runs that save to one directory would delete each other's files, and a run that was killed may still be
// writing when the next one looks for its checkpoints: hold the directory before reading from it.
class CheckpointDirectory {
 public:
  // Creates the directory if need be, waits some seconds for a run that has it, and removes what runs that
  // were killed left behind. Fails, on all ranks, if another run keeps it, if there are models that may not
  // be there, if any rank cannot write there or does not see what rank 0 writes. Collective.
  CheckpointDirectory(const Communicator& communicator, const std::filesystem::path& path,
                      ExistingModel existing = ExistingModel::kept);
  CheckpointDirectory(const CheckpointDirectory&) = delete;
  CheckpointDirectory& operator=(const CheckpointDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Fails if there are fewer bytes left for this user.
  void require_space(std::int64_t bytes) const;

 private:
  void deal_with(ExistingModel existing) const;

  std::filesystem::path path_;
  FileLock lock_;  // of rank 0
};

}  // namespace neumf
