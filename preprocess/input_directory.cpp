#include "input_directory.hpp"

#include <algorithm>

#include "columnar.hpp"
#include "neumf/core/error.hpp"

namespace neumf::preprocess {
namespace {

using Path = std::filesystem::path;

std::vector<Path> tables_in(const Path& directory) {
  std::vector<Path> files;
  std::string other;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('_') || name.starts_with('.')) continue;
    require(!entry.is_directory() || name.find('=') == std::string::npos,
            "{}: holds a directory for each value of a column ({}), which is in none of the files; write the "
            "table "
            "without partitions, or pass it on as text: docs/input_files.md",
            directory.string(), name);
    if (entry.is_directory())
      other = name;
    else if (columnar_kind(entry.path()))
      files.push_back(entry.path());
  }
  require(
      files.empty() || other.empty(),
      "{}: holds a directory ({}) beside its tables, which would be left out; give every directory that is "
      "meant by itself",
      directory.string(), other);
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<Path> with_files_of_directories(const std::vector<Path>& inputs) {
  std::vector<Path> files;
  for (const auto& input : inputs) {
    std::error_code ignored;
    const auto tables =
        std::filesystem::is_directory(input, ignored) ? tables_in(input) : std::vector<Path>();
    if (tables.empty())
      files.push_back(input);  // what is wrong with a directory is said where it is opened
    else
      files.insert(files.end(), tables.begin(), tables.end());
  }
  return files;
}

}  // namespace neumf::preprocess
