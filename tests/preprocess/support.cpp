#include "support.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>

#include "neumf/core/error.hpp"
#include "neumf/data/layout.hpp"
#include "preprocess.hpp"

namespace neumf::test {
namespace {

using Path = std::filesystem::path;
using Writer = std::unique_ptr<archive, decltype(&archive_write_free)>;

void add_member(archive* writer, const std::string& name, const std::string& content) {
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                            archive_entry_free);
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  require(archive_write_header(writer, entry.get()) == ARCHIVE_OK &&
              archive_write_data(writer, content.data(), content.size()) ==
                  static_cast<la_ssize_t>(content.size()),
          "cannot write {}", name);
}

}  // namespace

void write_text(const Path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  require(file.good(), "{}: cannot write", path.string());
}

std::string read_text(const Path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_gz(const Path& path, const std::string& text) {
  const Writer writer(archive_write_new(), archive_write_free);
  archive_write_add_filter_gzip(writer.get());
  archive_write_set_format_raw(writer.get());
  archive_write_open_filename(writer.get(), path.c_str());
  add_member(writer.get(), "data", text);
}

void write_zip(const Path& path, const std::vector<std::pair<std::string, std::string>>& members) {
  const Writer writer(archive_write_new(), archive_write_free);
  archive_write_set_format_zip(writer.get());
  archive_write_open_filename(writer.get(), path.c_str());
  for (const auto& [name, content] : members) add_member(writer.get(), name, content);
}

std::size_t Data::dense_user(const std::string& user) const {
  const auto found = std::find(users.begin(), users.end(), user);
  require(found != users.end(), "no user {}", user);
  return static_cast<std::size_t>(found - users.begin());
}

std::vector<std::string> Data::names_of(const std::vector<std::uint32_t>& dense) const {
  std::vector<std::string> names;
  for (const std::uint32_t item : dense) names.push_back(items[item]);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Data::train_of(const std::string& user) const {
  return names_of(train[dense_user(user)]);
}

std::vector<std::string> Data::tests_of(const std::string& user) const {
  return names_of(tests[dense_user(user)]);
}

std::vector<std::string> Data::valids_of(const std::string& user) const {
  return names_of(valids.at(dense_user(user)));
}

std::string Data::test_of(const std::string& user) const {
  return items[test[dense_user(user)]];
}

hdf5::File open_master(const Path& directory) {
  // The data sets of the master are virtual.
  return hdf5::File::open(directory / layout::dataset_file, hdf5::OtherFiles::followed);
}

Data read_data(const Path& directory) {
  const auto file = open_master(directory);
  const auto ids = [&](const char* name) {
    if (file.holds_strings(name)) return file.read_strings(name);
    std::vector<std::string> texts;
    for (const auto id : file.read<std::int64_t>(name)) texts.push_back(std::to_string(id));
    return texts;
  };
  Data data;
  data.users = ids(layout::user_ids);
  data.items = ids(layout::item_ids);
  const std::size_t users = data.users.size();
  // Lists of these lengths, one after the other.
  const auto lists = [&](const char* name, const std::vector<std::uint32_t>& counts) {
    const auto items = file.read<std::uint32_t>(name);
    Data::Lists cut;
    auto next = items.begin();
    for (const auto count : counts) {
      require(items.end() - next >= static_cast<std::ptrdiff_t>(count), "{}: counts exceed items", name);
      cut.emplace_back(next, next + count);
      next += count;
    }
    require(next == items.end(), "{}: items exceed counts", name);
    return cut;
  };
  const auto negatives = [&](const char* name) {
    const auto per_user = static_cast<std::uint32_t>(file.dims(name).at(1));
    return lists(name, std::vector<std::uint32_t>(users, per_user));
  };
  const auto counts = [&](const char* name) { return file.read<std::uint32_t>(name); };
  data.train = lists(layout::train_items, counts(layout::train_counts));
  data.test = counts(layout::test_items);
  data.negatives = negatives(layout::test_negatives);
  const bool ragged = file.int_attribute("format_version") == layout::ragged_format_version;
  data.tests =
      lists(layout::test_items, ragged ? counts(layout::test_counts) : std::vector<std::uint32_t>(users, 1));
  if (ragged && file.int_attribute("valid_held_out") > 0) {
    data.valids = lists(layout::valid_items, counts(layout::valid_counts));
    data.valid_negatives = negatives(layout::valid_negatives);
  }
  return data;
}

preprocess::Options small_options(const Path& input, const Path& output) {
  preprocess::Options options;
  options.inputs = {input};
  options.output = output;
  options.min_ratings = 1;
  options.valid_negative = 2;
  return options;
}

Data run(const preprocess::Options& options) {
  preprocess::preprocess(options);
  return read_data(options.output);
}

namespace {

// `text` as a file called "input.txt", for as long as this lives.
class TextInput {
 public:
  TextInput(const std::string& text, const preprocess::ReadOptions& reading, std::uint64_t min_ratings) {
    write_text(directory_ / "input.txt", text);
    options = small_options(directory_ / "input.txt", directory_ / "data");
    options.reading = reading;
    options.min_ratings = min_ratings;
  }
  preprocess::Options options;

 private:
  TemporaryDirectory directory_;
};

preprocess::ReadOptions of_format(preprocess::FormatName format) {
  preprocess::ReadOptions reading;
  reading.format = format;
  return reading;
}

}  // namespace

Data run_text(const std::string& text, const preprocess::ReadOptions& reading, std::uint64_t min_ratings) {
  return run(TextInput(text, reading, min_ratings).options);
}

Data run_text(const std::string& text, preprocess::FormatName format, std::uint64_t min_ratings) {
  return run_text(text, of_format(format), min_ratings);
}

std::string summary_of_text(const std::string& text, const preprocess::ReadOptions& reading) {
  return preprocess::preprocess(TextInput(text, reading, 1).options);
}

std::string error_of(const preprocess::Options& options) {
  try {
    preprocess::preprocess(options);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string error_of_text(const std::string& text, const preprocess::ReadOptions& reading) {
  return error_of(TextInput(text, reading, 1).options);
}

std::string error_of_text(const std::string& text, preprocess::FormatName format, std::uint64_t min_ratings) {
  return error_of(TextInput(text, of_format(format), min_ratings).options);
}

}  // namespace neumf::test
