// A ratings file in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "id_map.hpp"
#include "progress.hpp"
#include "ratings_format.hpp"

namespace neumf::preprocess {

struct Rating {
  std::int64_t seconds;
  std::uint32_t nanoseconds;
  std::uint32_t user, item;  // by first appearance among all rows
};

struct Ratings {
  FormatName format = FormatName::csv;
  std::vector<std::vector<Rating>> blocks;  // in file order
  std::uint64_t rows = 0;
  IdMap users, items;
  std::vector<std::uint64_t> user_rows;  // of each user
};

// Parses on `threads` threads. Fails on the first bad line, with its number, and if there is no rating at
// all.
Ratings load_ratings(const std::filesystem::path& path, FormatName format, std::size_t threads,
                     Progress& progress);

}  // namespace neumf::preprocess
