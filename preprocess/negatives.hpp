// Test negatives: drawn, or read from a file in the format of the NCF paper.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "split.hpp"

namespace neumf::preprocess {

// Draws `per_user` negatives for each user, with replacement and uniformly. Those of the test are items that
// the user has neither in training nor in validation, those of the validation items that the user does not
// have in training; so a validation knows nothing of the test, and the test negatives are those that there
// would be without validation. A user's only held-out item may be among its negatives; where users have
// several, none is. Draw k of a user is a function of (seed, dense user id, k) alone, for the test and for
// the validation. Keeps test negatives that are there already.
void draw_negatives(Split& split, std::size_t per_user, std::uint64_t seed, std::size_t threads);

// Users whose test items have no others to compete with, since they have all of these: all of their negatives
// are a held-out item, which the evaluation ignores, so their test items always rank first.
std::size_t users_without_negatives(const Split& split);

// One line "(user,item)\tn1\tn2...", the texts as in the file.
struct NegativesLine {
  std::uint64_t number;
  std::string_view user, item;
  std::vector<std::string_view> negatives;
};

// Calls `visit` for every line. Fails on a bad line and where lines differ in the number of negatives.
void read_negatives_file(const std::filesystem::path& path,
                         const std::function<void(const NegativesLine&)>& visit);

// Takes the test negatives from a file with original ids. Fails unless every user has one test item and the
// file exactly one line for each user, with that item.
void load_negatives(Split& split, const std::filesystem::path& path);

}  // namespace neumf::preprocess
