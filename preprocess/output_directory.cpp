#include "output_directory.hpp"

#include <algorithm>
#include <regex>

#include "neumf/core/error.hpp"
#include "neumf/data/hdf5.hpp"
#include "neumf/data/layout.hpp"

namespace neumf::preprocess {
namespace {

namespace fs = std::filesystem;

fs::path temporary_path(const fs::path& directory, const std::string& name) {
  return directory / ("." + name + ".tmp");
}

// Regular files of a directory whose whole name matches.
std::vector<fs::path> files_named(const fs::path& directory, const char* pattern) {
  const std::regex expression(pattern);
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.is_regular_file() && std::regex_match(entry.path().filename().string(), expression))
      found.push_back(entry.path());
  return found;
}

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  require(!error, "{}: cannot remove: {}", path.string(), error.message());
}

}  // namespace

OutputDirectory::OutputDirectory(fs::path directory, bool overwrite) : directory_(std::move(directory)) {
  std::error_code error;
  created_ = fs::create_directories(directory_, error);
  require(!error && fs::is_directory(directory_), "{}: cannot create the directory: {}", directory_.string(),
          error ? error.message() : "a file of that name exists");
  require(overwrite || !fs::exists(directory_ / layout::dataset_file),
          "{}: holds a data set already; give --overwrite to replace it, or another --output",
          directory_.string());
  for (const auto& file : files_named(directory_, R"(\.(shard-\d+-of-\d+|dataset)\.h5\.tmp)"))
    remove_file(file);
}

OutputDirectory::~OutputDirectory() {
  if (committed_) return;
  for (const auto& name : names_) remove_quietly(temporary_path(directory_, name));
  for (const auto& path : published_) remove_quietly(path);
  if (created_) remove_quietly(directory_);  // if it is empty, that is
}

void OutputDirectory::remove_quietly(const fs::path& path) const {
  std::error_code ignored;
  fs::remove(path, ignored);
}

fs::path OutputDirectory::temporary(const std::string& name) {
  names_.push_back(name);
  return temporary_path(directory_, name);
}

void OutputDirectory::commit() {
  // From here to the last rename there is no data set, rather than one of old and new parts.
  remove_file(directory_ / layout::dataset_file);
  for (const auto& file : files_named(directory_, R"(shard-\d+-of-\d+\.h5)")) remove_file(file);
  for (const auto& name : names_) {
    hdf5::publish(temporary_path(directory_, name), directory_ / name);
    published_.push_back(directory_ / name);
  }
  committed_ = true;
}

}  // namespace neumf::preprocess
