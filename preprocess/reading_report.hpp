// What was read and what was left out, for the person who reads the summary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "parsed_block.hpp"
#include "ratings.hpp"
#include "ratings_format.hpp"

namespace neumf::preprocess {

class ReadingReport {
 public:
  // A block whose first line is `lines` + 1 of `file`.
  void take(const ParsedBlock& block, const std::string& file, std::uint64_t lines);

  // Fills in ratings.columns, times and notes. Fails if nothing was read, if rows lack a user, an item or a
  // time and were to be an error, if the times of all rows are equal, and if they mix units or zones.
  void finish(Ratings& ratings, const RatingsFormat& format, const std::string& file) const;

 private:
  void check_missing(const Ratings& ratings, const RatingsFormat& format) const;
  void check_times(const Ratings& ratings, const RatingsFormat& format, const std::string& file,
                   std::vector<std::string>& notes) const;

  std::uint64_t missing_ = 0, low_rated_ = 0;
  std::string first_missing_;   // "file:7: the user is 'NULL': 'the line'"
  std::string decimal_ids_[2];  // of users and items: ParsedBlock's, with the file
  std::vector<std::uint64_t> not_kept_;
  std::vector<std::vector<bool>> kept_values_;
  std::vector<std::vector<std::string>> other_values_;
  Time least_{INT64_MAX, 0}, most_{INT64_MIN, 0};
  bool zoned_ = false, unzoned_ = false;
};

}  // namespace neumf::preprocess
