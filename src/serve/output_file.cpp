#include "neumf/serve/output_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "neumf/core/error.hpp"
#include "neumf/data/durable_file.hpp"

namespace neumf::serve {

OutputFile::OutputFile(const std::filesystem::path& path)
    : path_(path), standard_output_(path.empty() || path == "-") {
  if (standard_output_) {
    path_ = "standard output";
    return;
  }
  std::error_code ignored;
  const auto status = std::filesystem::status(path_, ignored);  // of what a link points to
  require(!std::filesystem::is_directory(status), "--output {}: this is a directory; name a file",
          path_.string());
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) return;
  if (std::filesystem::is_symlink(std::filesystem::symlink_status(path_, ignored)) &&
      std::filesystem::exists(status))
    path_ = std::filesystem::canonical(path_);
  temporary_ = fmt::format("{}.{}.tmp", path_.string(), getpid());
}

OutputFile::~OutputFile() {
  if (file_ != nullptr && !standard_output_) std::fclose(file_);
  std::error_code ignored;
  if (!published_ && !temporary_.empty()) std::filesystem::remove(temporary_, ignored);
}

const std::filesystem::path& OutputFile::temporary() {
  require(!temporary_.empty(), "--output {}: this format needs a regular file", path_.string());
  return temporary_;
}

void OutputFile::open() {
  if (file_ != nullptr) return;
  file_ = standard_output_ ? stdout : std::fopen((temporary_.empty() ? path_ : temporary_).c_str(), "wb");
  if (file_ == nullptr) fail_writing("create");
}

void OutputFile::write(std::string_view text) {
  open();
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) fail_writing("write");
}

void OutputFile::publish() {
  if (file_ != nullptr) {
    if (std::fflush(file_) != 0) fail_writing("write");
    if (!standard_output_ && std::fclose(std::exchange(file_, nullptr)) != 0) fail_writing("write");
  }
  if (!temporary_.empty()) neumf::publish(temporary_, path_);
  published_ = true;
}

void OutputFile::fail_writing(const char* action) const {
  fail("{}: cannot {} this file: {}", path_.string(), action, std::strerror(errno));
}

}  // namespace neumf::serve
