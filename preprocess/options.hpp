// The command line of neumf-preprocess.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "hold_out.hpp"
#include "own_files.hpp"
#include "read_options.hpp"

namespace neumf::preprocess {

struct Options {
  std::vector<std::filesystem::path> inputs;  // empty: synthetic
  std::string synthetic;
  OwnFiles own;  // instead of inputs
  std::filesystem::path output;
  ReadOptions reading;
  std::size_t shards = 1;
  std::filesystem::path test_negatives;
  // Not given: the number in the file where negatives are read, otherwise the default.
  std::optional<std::size_t> valid_negative;
  std::optional<std::uint64_t> min_ratings, core;
  std::uint64_t min_item_ratings = 1;
  HoldOut split = HoldOut::last, validation = HoldOut::none;
  std::optional<double> test_ratio, validation_ratio;
  std::uint64_t seed = 1;
  std::size_t threads = 1;
  bool overwrite = false;
  bool help = false, version = false;

  static constexpr std::size_t default_valid_negative = 100;
  static constexpr std::uint64_t default_min_ratings = 20;
  static constexpr double default_test_ratio = 0.2, default_validation_ratio = 0.1;

  std::uint64_t least_ratings() const { return min_ratings.value_or(core.value_or(default_min_ratings)); }
  HoldOutRules hold_out() const {
    return {{split, test_ratio.value_or(default_test_ratio)},
            {validation, validation_ratio.value_or(default_validation_ratio)}};
  }
};

// Dashes and underscores are interchangeable in names. Fails on unknown, missing and contradicting options.
// `arguments` excludes the program's name.
Options parse_options(const std::vector<std::string>& arguments);
void print_help(std::ostream& out);

}  // namespace neumf::preprocess
