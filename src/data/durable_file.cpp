#include "neumf/data/durable_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "neumf/core/error.hpp"

namespace neumf {
namespace {

void sync_path(const std::filesystem::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags);
  if (descriptor < 0) fail("{}: cannot open to sync: {}", path.string(), std::strerror(errno));
  const int status = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (status != 0) fail("{}: cannot sync to disk: {}", path.string(), std::strerror(error));
}

std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

void sync_to_disk(const std::filesystem::path& path) {
  sync_path(path, O_RDONLY);
  sync_path(directory_of(path), O_RDONLY | O_DIRECTORY);
}

void publish(const std::filesystem::path& temporary, const std::filesystem::path& final_path) {
  sync_path(temporary, O_RDONLY);
  std::error_code error;
  std::filesystem::rename(temporary, final_path, error);
  if (error) fail("{}: cannot rename to {}: {}", temporary.string(), final_path.string(), error.message());
  sync_path(directory_of(final_path), O_RDONLY | O_DIRECTORY);
}

}  // namespace neumf
