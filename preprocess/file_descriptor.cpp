#include "file_descriptor.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "neumf/core/error.hpp"

namespace neumf::preprocess {

FileDescriptor::FileDescriptor(const std::filesystem::path& path) : path_(path) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  require(std::filesystem::exists(status), "{}: no such file", path.string());
  require(!std::filesystem::is_directory(status), "{}: is a directory, not a file", path.string());
  require(std::filesystem::is_regular_file(status),
          "{}: is not a regular file (a pipe cannot be read twice); save it to a file first", path.string());
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  require(descriptor_ >= 0, "{}: cannot open: {}", path.string(), std::strerror(errno));
  ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

FileDescriptor::~FileDescriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::size_t FileDescriptor::read(std::span<char> out) const {
  std::size_t total = 0;
  while (total < out.size()) {
    const ssize_t count = ::read(descriptor_, out.data() + total, out.size() - total);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    require(count > 0, "{}: cannot read: {}", path_.string(), std::strerror(errno));
    total += static_cast<std::size_t>(count);
  }
  return total;
}

}  // namespace neumf::preprocess
