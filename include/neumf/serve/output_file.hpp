// A file that appears under its name only when it is complete.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

namespace neumf::serve {

class OutputFile {
 public:
  // Nothing is created before the first write. An empty path, or "-", is standard output. What exists and is
  // not a regular file (a pipe, /dev/null) is written to as it is.
  explicit OutputFile(const std::filesystem::path& path);
  // Without publish(), removes what was written.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Where to write what will be published; for those who write the file themselves. Fails for standard output
  // and what is no regular file.
  const std::filesystem::path& temporary();
  // Throws Error naming the file, also where a reader of standard output has gone.
  void write(std::string_view text);
  // Renames to the final name; for standard output, flushes.
  void publish();

 private:
  void open();
  [[noreturn]] void fail_writing(const char* action) const;

  std::filesystem::path path_, temporary_;  // no temporary where there is nothing to rename
  std::FILE* file_ = nullptr;
  bool standard_output_, published_ = false;
};

}  // namespace neumf::serve
