#include "file_descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "neumf/core/error.hpp"

namespace neumf::preprocess {

FileDescriptor::FileDescriptor(const std::filesystem::path& path)
    : path_(path == "-" ? "standard input" : path) {
  if (path == "-") {
    descriptor_ = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    require(descriptor_ >= 0, "standard input is closed");
    require(::isatty(descriptor_) == 0,
            "standard input is a terminal; pass a file on: zcat ratings.csv.gz | neumf-preprocess --input -");
  } else {
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    require(descriptor_ >= 0 || errno != ENOENT, "{}: no such file", path.string());
    require(descriptor_ >= 0, "{}: cannot open: {}", path.string(), std::strerror(errno));
  }
  struct stat status {};
  require(::fstat(descriptor_, &status) == 0, "{}: cannot open: {}", path_.string(), std::strerror(errno));
  require(!S_ISDIR(status.st_mode),
          "{}: is a directory, not a file; give its files one by one, each with an --input", path_.string());
  regular_ = S_ISREG(status.st_mode) && path != "-";
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
