// Test negatives: drawn, or read from a file in the format of the NCF paper.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "split.hpp"

namespace neumf::preprocess {

// Draws `per_user` items for each user, with replacement, uniformly from the items that the user has not in
// training; the held-out item is one of them. A user with every item in training has that item for each. Draw
// k of a user is a function of (seed, dense user id, k) alone.
void draw_negatives(Split& split, std::size_t per_user, std::uint64_t seed, std::size_t threads);

// Users who have every item, or every one but the held-out one, in training: all of their negatives are that
// item, which the evaluation ignores, so their held-out item always ranks first.
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

// Takes the negatives from a file with original ids. Fails unless it has exactly one line for each user, with
// the item that was held out.
void load_negatives(Split& split, const std::filesystem::path& path);

}  // namespace neumf::preprocess
