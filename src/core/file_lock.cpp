#include "neumf/core/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "neumf/core/error.hpp"

namespace neumf {

FileLock::FileLock(const std::filesystem::path& path, double seconds, const char* busy) {
  using std::chrono::steady_clock;
  descriptor_ = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666);
  require(descriptor_ >= 0, "{}: cannot write this file: {}", path.string(), std::strerror(errno));
  const auto give_up = steady_clock::now() + std::chrono::duration<double>(seconds);
  // Any other error: a file system without locks.
  while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    if (steady_clock::now() >= give_up) {
      ::close(std::exchange(descriptor_, -1));
      fail("{}: {}", path.string(), busy);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

}  // namespace neumf
