// Ratings files in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
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
  std::vector<std::uint64_t> user_rows;   // of each user
  std::vector<std::size_t> input_blocks;  // how many blocks there are when an input ends, by input
  bool has_times = true;                  // otherwise all times are 0
  TimeUnit time_unit = TimeUnit::seconds;
  std::vector<std::string> pipe_digests;  // checksum of each input that was a pipe, otherwise empty

  // For people: which columns were read and as what, and doubts ("warning: ...").
  std::string columns;  // "user: column 'userId', item: ..."
  std::string times;    // "1995-01-09 to 2015-03-31 (seconds)", empty without times
  std::vector<std::string> notes;
};

// Parses on `threads` threads. Several inputs are read as if they were one, each with a header of its own or
// only the first. Fails on the first bad line, with its number, if there is no rating at all, and where the
// times cannot be what they seem.
Ratings load_ratings(const std::vector<std::filesystem::path>& inputs, const ReadOptions& options,
                     std::size_t threads, Progress& progress);

}  // namespace neumf::preprocess
