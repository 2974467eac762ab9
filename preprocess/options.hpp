// The command line of neumf-preprocess.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "read_options.hpp"

namespace neumf::preprocess {

struct Options {
  std::vector<std::filesystem::path> inputs;  // empty: synthetic
  std::string synthetic;
  std::filesystem::path output;
  ReadOptions reading;
  std::size_t shards = 1;
  std::filesystem::path test_negatives;
  // Not given: the number in the file where negatives are read, otherwise the default.
  std::optional<std::size_t> valid_negative;
  std::optional<std::uint64_t> min_ratings, core;
  std::uint64_t min_item_ratings = 1;
  std::uint64_t seed = 1;
  std::size_t threads = 1;
  bool overwrite = false;
  bool help = false, version = false;

  static constexpr std::size_t default_valid_negative = 100;
  static constexpr std::uint64_t default_min_ratings = 20;
};

// Dashes and underscores are interchangeable in names. Fails on unknown, missing and contradicting options.
// `arguments` excludes the program's name.
Options parse_options(const std::vector<std::string>& arguments);
void print_help(std::ostream& out);

}  // namespace neumf::preprocess
