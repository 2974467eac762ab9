#include "neumf/checkpoint/directory.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "neumf/checkpoint/checkpoint.hpp"
#include "neumf/checkpoint/files.hpp"
#include "neumf/core/error.hpp"

namespace neumf {
namespace {

// A file that tells whether one can write here: a run must not find out after an hour. Removed as a leftover.
std::filesystem::path trial_file(const std::filesystem::path& directory, int rank) {
  return checkpoint_files::temporary(directory / fmt::format("{}.trial-{}", checkpoint_files::best, rank));
}

void try_to_write(const std::filesystem::path& directory, int rank) {
  const int descriptor = ::open(trial_file(directory, rank).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
  const bool written = descriptor >= 0 && ::write(descriptor, "x", 1) == 1;
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  require(written, "{}: cannot write to the checkpoint directory: {}", directory.string(),
          std::strerror(error));
}

}  // namespace

CheckpointDirectory::CheckpointDirectory(const Communicator& communicator, const std::filesystem::path& path,
                                         ExistingModel existing)
    : path_(path) {
  communicator.together([&] {
    if (!communicator.is_root()) return;
    std::error_code error;
    std::filesystem::create_directories(path_, error);
    if (error) fail("{}: cannot create the checkpoint directory: {}", path_.string(), error.message());
    lock_ =
        FileLock(path_ / ".neumf-lock", 15,
                 "another run saves its checkpoints here: let it end, or choose another --checkpoint_dir");
    deal_with(existing);
  });
  communicator.together([&] { try_to_write(path_, communicator.rank()); });
  communicator.together([&] {
    std::error_code ignored;
    require(std::filesystem::exists(trial_file(path_, 0), ignored),
            "{}: rank {} does not see there what rank 0 writes: the checkpoint directory must be on a file "
            "system that all machines share",
            path_.string(), communicator.rank());
  });
  if (communicator.is_root()) checkpoint_files::remove_leftovers(path_);
  communicator.barrier();
}

void CheckpointDirectory::deal_with(ExistingModel existing) const {
  namespace files = checkpoint_files;
  if (existing == ExistingModel::kept) return;
  if (existing == ExistingModel::replaced) return files::remove_old_runs(path_, 0);
  std::vector<std::filesystem::path> models = saved_runs(path_);
  if (const auto best = files::master(path_, files::best); std::filesystem::exists(best))
    models.insert(models.begin(), best);
  require(
      models.empty(),
      "{}: holds the model of an earlier run ({}): go on from it with --resume, replace it with --overwrite, "
      "or choose another --checkpoint_dir",
      path_.string(), models.empty() ? "" : models.front().filename().string());
}

void CheckpointDirectory::require_space(std::int64_t bytes) const {
  struct statvfs space {};
  if (::statvfs(path_.c_str(), &space) != 0) return;
  const double free = static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize);
  require(
      free > static_cast<double>(bytes),
      "{}: {:.0f} MiB are free, but a checkpoint of this run takes {:.0f} MiB: make room, or choose another "
      "--checkpoint_dir",
      path_.string(), free / 1048576.0, static_cast<double>(bytes) / 1048576.0);
}

}  // namespace neumf
