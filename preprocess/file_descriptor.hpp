// A file opened for sequential reading.
#pragma once

#include <filesystem>
#include <span>
#include <utility>

namespace neumf::preprocess {

class FileDescriptor {
 public:
  // "-" is standard input. Fails if the file is missing, unreadable or a directory.
  explicit FileDescriptor(const std::filesystem::path& path);
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept
      : path_(std::move(other.path_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        regular_(other.regular_) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;

  // Returns the number of bytes read: `out.size()` or, at the end of the file, fewer.
  std::size_t read(std::span<char> out) const;
  // Whether it can be read twice: a pipe cannot.
  bool is_regular() const { return regular_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  bool regular_ = false;
};

}  // namespace neumf::preprocess
