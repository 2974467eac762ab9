#include "output_directory.hpp"

#include <string_view>

#include "neumf/core/error.hpp"
#include "neumf/data/durable_file.hpp"
#include "neumf/data/layout.hpp"

namespace neumf::preprocess {
namespace {

namespace fs = std::filesystem;

fs::path temporary_path(const fs::path& directory, const std::string& name) {
  return directory / ("." + name + ".tmp");
}

// Removes `prefix` and `suffix`; false if the text has other ends.
bool strip(std::string_view& text, std::string_view prefix, std::string_view suffix) {
  if (text.size() < prefix.size() + suffix.size() || !text.starts_with(prefix) || !text.ends_with(suffix))
    return false;
  text = text.substr(prefix.size(), text.size() - prefix.size() - suffix.size());
  return true;
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "shard-0000-of-0002.h5"
bool is_shard(std::string_view name) {
  if (!strip(name, "shard-", ".h5")) return false;
  const std::size_t middle = name.find("-of-");
  return middle != std::string_view::npos && all_digits(name.substr(0, middle)) &&
         all_digits(name.substr(middle + 4));
}

// ".dataset.h5.tmp"
bool is_temporary(std::string_view name) {
  return strip(name, ".", ".tmp") && (is_shard(name) || name == layout::dataset_file);
}

// Regular files of a directory whose name `matches`.
std::vector<fs::path> files_named(const fs::path& directory, bool (*matches)(std::string_view)) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.is_regular_file() && matches(entry.path().filename().string())) found.push_back(entry.path());
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
  for (const auto& file : files_named(directory_, is_temporary)) remove_file(file);
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
  for (const auto& file : files_named(directory_, is_shard)) remove_file(file);
  for (const auto& name : names_) {
    publish(temporary_path(directory_, name), directory_ / name);
    published_.push_back(directory_ / name);
  }
  committed_ = true;
}

}  // namespace neumf::preprocess
