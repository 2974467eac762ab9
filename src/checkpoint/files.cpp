#include "neumf/checkpoint/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <vector>

#include "neumf/checkpoint/checkpoint.hpp"
#include "neumf/core/error.hpp"
#include "neumf/data/hdf5.hpp"

namespace neumf::checkpoint_files {
namespace {

constexpr std::string_view run_prefix = "checkpoint-", suffix = ".h5", temporary_suffix = ".tmp";

std::vector<std::string> files_in(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored))
    if (!entry.is_directory(ignored)) names.push_back(entry.path().filename().string());
  return names;
}

void remove_files(const std::filesystem::path& directory,
                  const std::function<bool(const std::string&)>& chosen) {
  std::error_code ignored;
  for (const auto& name : files_in(directory))
    if (chosen(name)) std::filesystem::remove(directory / name, ignored);
}

// The number of a saved run's master file, or -1.
std::int64_t run_number(const std::string& file) {
  if (!file.starts_with(run_prefix) || !file.ends_with(suffix)) return -1;
  const char* first = file.data() + run_prefix.size();
  const char* last = file.data() + file.size() - suffix.size();
  std::int64_t number = -1;
  const auto result = std::from_chars(first, last, number);
  return result.ec == std::errc() && result.ptr == last && first != last ? number : -1;
}

bool is_part(const std::string& file) {
  return file.find(".part-") != std::string::npos;
}

// Newest first.
std::vector<std::int64_t> run_numbers(const std::filesystem::path& directory) {
  std::vector<std::int64_t> numbers;
  for (const auto& file : files_in(directory))
    if (const std::int64_t number = run_number(file); number >= 0) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end(), std::greater<>());
  return numbers;
}

}  // namespace

std::string run_name(std::int64_t number) {
  return fmt::format("{}{:06}", run_prefix, number);
}

std::int64_t newest_run(const std::filesystem::path& directory) {
  const auto numbers = run_numbers(directory);
  return numbers.empty() ? 0 : numbers.front();
}

std::filesystem::path master(const std::filesystem::path& directory, const std::string& name) {
  return directory / fmt::format("{}{}", name, suffix);
}

std::filesystem::path part(const std::filesystem::path& directory, const std::string& name,
                           const std::string& generation, int part, int parts) {
  return directory / fmt::format("{}.{}.part-{:04}-of-{:04}{}", name, generation, part, parts, suffix);
}

std::filesystem::path temporary(const std::filesystem::path& path) {
  return path.string() + std::string(temporary_suffix);
}

hdf5::File open_master(const std::filesystem::path& master) {
  auto file = hdf5::File::open(master);
  require(file.has_attribute("kind") && file.string_attribute("kind") == kind,
          "{}: not a neumf checkpoint; name the .h5 file that --checkpoint_dir received, without '.part-'",
          master.string());
  const std::int64_t version = file.int_attribute("format_version");
  require(version == format_version, "{}: checkpoint format version {}, but this program reads version {}",
          master.string(), version, format_version);
  return file;
}

void remove_old_runs(const std::filesystem::path& directory, int keep) {
  const auto numbers = run_numbers(directory);
  for (auto i = static_cast<std::size_t>(keep); i < numbers.size(); ++i) {
    const std::string name = run_name(numbers[i]);
    std::error_code ignored;
    // The master first: a checkpoint without parts must not look like one.
    std::filesystem::remove(master(directory, name), ignored);
    remove_files(directory,
                 [&](const std::string& file) { return file.starts_with(name + ".") && is_part(file); });
  }
}

void remove_other_generations(const std::filesystem::path& directory, const std::string& name,
                              const std::string& generation) {
  const std::string current = fmt::format("{}.{}.part-", name, generation);
  remove_files(directory, [&](const std::string& file) {
    return file.starts_with(name + ".") && is_part(file) && !file.starts_with(current);
  });
}

void remove_leftovers(const std::filesystem::path& directory) {
  const auto ours = [](const std::string& file) {
    return file.starts_with(run_prefix) || file.starts_with(fmt::format("{}.", best));
  };
  std::vector<std::string> published;  // what parts begin with if their master is there
  for (const auto& file : files_in(directory)) {
    if (!ours(file) || !file.ends_with(suffix) || is_part(file)) continue;
    try {
      const auto generation = hdf5::File::open(directory / file).string_attribute("generation");
      published.push_back(
          fmt::format("{}.{}.part-", file.substr(0, file.size() - suffix.size()), generation));
    } catch (const Error&) {
      // A damaged master: somebody may still want to look at its parts.
      published.push_back(fmt::format("{}.", file.substr(0, file.size() - suffix.size())));
    }
  }
  remove_files(directory, [&](const std::string& file) {
    if (!ours(file)) return false;
    if (file.ends_with(temporary_suffix)) return true;
    return is_part(file) && std::none_of(published.begin(), published.end(),
                                         [&](const auto& start) { return file.starts_with(start); });
  });
}

}  // namespace neumf::checkpoint_files

namespace neumf {

std::vector<std::filesystem::path> saved_runs(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> masters;
  for (const std::int64_t number : checkpoint_files::run_numbers(directory))
    masters.push_back(checkpoint_files::master(directory, checkpoint_files::run_name(number)));
  return masters;
}

}  // namespace neumf
