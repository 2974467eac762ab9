// The directory that a run saves to, held by it alone.
#pragma once

#include <filesystem>

#include "neumf/comm/communicator.hpp"

namespace neumf {

// Two runs that save to one directory would delete each other's files, and a run that was killed may still be
// writing when the next one looks for its checkpoints: hold the directory before reading from it.
class CheckpointDirectory {
 public:
  // Creates the directory if need be, waits some seconds for a run that has it, and removes what runs that
  // were killed left behind. Fails, on all ranks, if another run keeps it, if any rank cannot write there or
  // does not see what rank 0 writes. Collective.
  CheckpointDirectory(const Communicator& communicator, const std::filesystem::path& path);
  ~CheckpointDirectory();
  CheckpointDirectory(const CheckpointDirectory&) = delete;
  CheckpointDirectory& operator=(const CheckpointDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Fails if there are fewer bytes left for this user.
  void require_space(std::int64_t bytes) const;

 private:
  void lock();

  std::filesystem::path path_;
  int lock_ = -1;  // of rank 0; ends with the process, however that ends
};

}  // namespace neumf
