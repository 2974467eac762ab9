#include "quick_rows.hpp"

#include <algorithm>

#include "digits.hpp"

namespace neumf::preprocess {

std::optional<QuickRows> QuickRows::of(const RatingsFormat& format) {
  const bool times =
      !format.has_times() || format.time_kind == TimeKind::number || format.time_kind == TimeKind::iso;
  if (!times || format.min_rating || !format.keep.empty() || format.max_columns == 0) return std::nullopt;
  return QuickRows(format);
}

QuickRows::QuickRows(const RatingsFormat& format)
    : separator_(format.separator),
      roles_(static_cast<std::size_t>(format.max_columns), Role::skipped),
      time_kind_(format.has_times() ? format.time_kind : TimeKind::none),
      text_ids_(format.text_ids) {
  roles_[static_cast<std::size_t>(format.user_column)] = Role::user;
  roles_[static_cast<std::size_t>(format.item_column)] = Role::item;
  if (format.has_times()) roles_[static_cast<std::size_t>(format.time_column)] = Role::time;
}

void QuickRows::read(const char*& p, const char* end, ParsedBlock& block) const {
  switch (time_kind_) {
    case TimeKind::none:
      return read_as<TimeKind::none>(p, end, block);
    case TimeKind::iso:
      return read_as<TimeKind::iso>(p, end, block);
    default:
      return read_as<TimeKind::number>(p, end, block);
  }
}

template <TimeKind kind>
void QuickRows::read_as(const char*& p, const char* end, ParsedBlock& block) const {
  if (end - p < 8) return;
  const char* const last = end - 8;
  Time least = block.least, most = block.most;
  bool zone = false;
  for (const char* q = p;;) {
    ParsedBlock::Row row;
    if (!read_row<kind>(q, last, row, zone)) break;
    p = q;
    ++block.lines;
    if constexpr (kind != TimeKind::none) {
      if (row.time < least) least = row.time;
      if (most < row.time) most = row.time;
    }
    if constexpr (kind == TimeKind::iso) (zone ? block.zoned : block.unzoned) = true;
    block.rows.push_back(row);
  }
  block.least = least;
  block.most = most;
}

template <TimeKind kind>
bool QuickRows::read_row(const char*& p, const char* last, ParsedBlock::Row& row, bool& zone) const {
  for (std::size_t column = 0; column < roles_.size(); ++column) {
    if (column > 0) {
      if (p >= last || !separator_.at(p, last)) return false;
      p += separator_.width();
    }
    switch (roles_[column]) {
      case Role::user:
        if (!read_id(p, last, row.user.number)) return false;
        break;
      case Role::item:
        if (!read_id(p, last, row.item.number)) return false;
        break;
      case Role::time:
        if constexpr (kind == TimeKind::iso) {
          const char* const start = p;
          if (!pass_field(p, last)) return false;
          const std::size_t size = static_cast<std::size_t>(p - start) - (p > start && p[-1] == '\r' ? 1 : 0);
          const auto parsed = parse_iso_time({start, size});
          if (!parsed) return false;
          row.time = parsed->time;
          zone = parsed->zone;
        } else if (!take_digits(p, last, row.time.seconds)) {
          return false;
        }
        break;
      case Role::skipped:
        if (!pass_field(p, last)) return false;
    }
  }
  if (p >= last) return false;
  if (*p == '\r') ++p;
  if (*p != '\n') return false;  // more columns, or blanks
  ++p;
  return true;
}

// To the separator or line end behind the field. False if it is quoted.
bool QuickRows::pass_field(const char*& p, const char* last) const {
  if (p > last || (separator_.quotes && *p == '"')) return false;
  if (separator_.doubled) {
    while (p < last && *p != '\n' && !separator_.at(p, last)) ++p;
    return p < last;
  }
  for (; p <= last; p += 8) {
    const int found = find_either(eight_characters(p), separator_.character, '\n');
    if (found == 8) continue;
    p += found;
    return true;
  }
  return false;
}

bool QuickRows::read_id(const char*& p, const char* last, std::int64_t& id) const {
  const char* const start = p;
  // A leading zero makes an id a text, except in formats whose ids are integers.
  return take_digits(p, last, id) && (*start != '0' || !text_ids_ || p == start + 1);
}

}  // namespace neumf::preprocess
