// The rows that nearly every table consists of: ids of digits, a time of digits or in ISO 8601, nothing
// quoted and nothing to filter. They are read without a call; the parser sees all others.
#pragma once

#include <optional>
#include <vector>

#include "parsed_block.hpp"
#include "ratings_format.hpp"

namespace neumf::preprocess {

class QuickRows {
 public:
  // Nothing if such a format may have no such rows.
  static std::optional<QuickRows> of(const RatingsFormat& format);

  // Appends the rows from `p` on to the block, up to the first that is another case or too near to `end`; `p`
  // is left at its beginning.
  void read(const char*& p, const char* end, ParsedBlock& block) const;

 private:
  enum class Role { skipped, user, item, time };

  explicit QuickRows(const RatingsFormat& format);
  template <TimeKind kind>
  void read_as(const char*& p, const char* end, ParsedBlock& block) const;
  template <TimeKind kind>
  bool read_row(const char*& p, const char* last, ParsedBlock::Row& row, bool& zone) const;
  bool pass_field(const char*& p, const char* last) const;
  bool read_id(const char*& p, const char* last, std::int64_t& id) const;

  Separator separator_;
  std::vector<Role> roles_;  // of the columns
  TimeKind time_kind_;
  bool text_ids_;
};

}  // namespace neumf::preprocess
