// What the tests of neumf-preprocess share: writing inputs, running, reading data sets back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "neumf/data/hdf5.hpp"
#include "options.hpp"
#include "temporary_directory.hpp"

namespace neumf::test {

void write_text(const std::filesystem::path& path, const std::string& text);
std::string read_text(const std::filesystem::path& path);
void write_gz(const std::filesystem::path& path, const std::string& text);
// Members as (name, content).
void write_zip(const std::filesystem::path& path,
               const std::vector<std::pair<std::string, std::string>>& members);

// A data set as dataset.h5 shows it.
struct Data {
  using Lists = std::vector<std::vector<std::uint32_t>>;

  Lists train;
  std::vector<std::uint32_t> test;  // of all users
  Lists negatives;
  Lists tests, valids, valid_negatives;   // by user; without validation the last two are empty
  std::vector<std::string> users, items;  // original ids

  bool operator==(const Data&) const = default;
  // By original ids: the training items of a user, sorted, and the held-out item.
  std::vector<std::string> train_of(const std::string& user) const;
  std::string test_of(const std::string& user) const;
  std::vector<std::string> tests_of(const std::string& user) const;
  std::vector<std::string> valids_of(const std::string& user) const;
  std::size_t dense_user(const std::string& user) const;

 private:
  std::vector<std::string> names_of(const std::vector<std::uint32_t>& dense) const;
};

Data read_data(const std::filesystem::path& directory);
hdf5::File open_master(const std::filesystem::path& directory);

// One thread, min_ratings 1, two negatives.
preprocess::Options small_options(const std::filesystem::path& input, const std::filesystem::path& output);
// Runs and reads back.
Data run(const preprocess::Options& options);
// Writes `text` to a file, runs, and reads back.
Data run_text(const std::string& text, preprocess::FormatName format = preprocess::FormatName::automatic,
              std::uint64_t min_ratings = 1);
Data run_text(const std::string& text, const preprocess::ReadOptions& reading, std::uint64_t min_ratings = 1);
// What such a run prints.
std::string summary_of_text(const std::string& text, const preprocess::ReadOptions& reading = {});
// The message of the failure of such a run, or "" if it succeeds; the input is called "input.txt".
std::string error_of_text(const std::string& text,
                          preprocess::FormatName format = preprocess::FormatName::automatic,
                          std::uint64_t min_ratings = 1);
std::string error_of_text(const std::string& text, const preprocess::ReadOptions& reading);
std::string error_of(const preprocess::Options& options);

}  // namespace neumf::test
