#include <array>
#include <string_view>

#include "columnar.hpp"
#include "file_descriptor.hpp"

namespace neumf::preprocess {

std::optional<FormatName> columnar_kind(const std::filesystem::path& path) {
  std::error_code ignored;
  // What is read from a pipe would be gone.
  if (path == "-" || !std::filesystem::is_regular_file(path, ignored)) return std::nullopt;
  const FileDescriptor file(path);
  std::array<char, 8> bytes{};
  const std::string_view start(bytes.data(), file.read(bytes));
  if (start.starts_with("PAR1") || start.starts_with("PARE")) return FormatName::parquet;
  // A stream of Arrow begins with a mark and the size of its schema, a multiple of 8 that is never large.
  const bool stream = start.size() == 8 && start.starts_with("\xff\xff\xff\xff") && start[7] == '\0';
  if (start.starts_with("ARROW1") || stream) return FormatName::arrow;
  return std::nullopt;
}

}  // namespace neumf::preprocess
