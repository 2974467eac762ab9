// A file held by one process at a time.
#pragma once

#include <filesystem>

namespace neumf {

class FileLock {
 public:
  FileLock() = default;
  // Opens the file, creating it if need be, and waits at most `seconds` for whoever holds it: a process that
  // was killed may take a moment to go. Throws Error with `busy` if it is still held then, or naming the file
  // if it cannot be opened. On a file system without locks it holds nothing.
  FileLock(const std::filesystem::path& path, double seconds, const char* busy);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;

 private:
  int descriptor_ = -1;  // the lock ends with the process, however that ends
};

}  // namespace neumf
