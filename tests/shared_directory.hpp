// A directory that all ranks of a test use.
#pragma once

#include <filesystem>
#include <optional>

#include "neumf/comm/communicator.hpp"
#include "temporary_directory.hpp"

namespace neumf::test {

// Rank 0 makes it, and removes it when every rank is done.
class SharedDirectory {
 public:
  explicit SharedDirectory(const Communicator& communicator) : communicator_(communicator) {
    if (communicator.is_root()) own_.emplace();
    path_ = communicator.broadcast(own_ ? own_->path().string() : "");
  }
  ~SharedDirectory() { communicator_.barrier(); }
  SharedDirectory(const SharedDirectory&) = delete;
  SharedDirectory& operator=(const SharedDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  const Communicator& communicator_;
  std::optional<TemporaryDirectory> own_;
  std::filesystem::path path_;
};

}  // namespace neumf::test
