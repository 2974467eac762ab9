// A file opened for sequential reading.
#pragma once

#include <filesystem>
#include <span>

namespace neumf::preprocess {

class FileDescriptor {
 public:
  // Fails if the file is missing, unreadable or not a regular file.
  explicit FileDescriptor(const std::filesystem::path& path);
  ~FileDescriptor();
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  // Returns the number of bytes read: `out.size()` or, at the end of the file, fewer.
  std::size_t read(std::span<char> out) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace neumf::preprocess
