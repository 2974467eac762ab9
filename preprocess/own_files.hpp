// A split of one's own: files of training, validation and test.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "ratings.hpp"
#include "split.hpp"

namespace neumf::preprocess {

struct OwnFiles {
  std::vector<std::filesystem::path> train, valid, test;

  bool given() const { return !train.empty() || !valid.empty() || !test.empty(); }
  // Training, validation, test.
  std::vector<std::filesystem::path> all() const;
};

// `ratings`: read from files.all(). Users and items are numbered by first appearance in that order, and all
// of them stay. Repeated rows count once; what a user has in training is not held out again, nor tested if it
// is in validation.
Split split_of_own_files(const Ratings& ratings, const OwnFiles& files);

}  // namespace neumf::preprocess
