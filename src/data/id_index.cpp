#include "neumf/data/id_index.hpp"

#include <numeric>
#include <utility>

#include "neumf/data/utf8.hpp"

namespace neumf {

IdIndex::IdIndex(std::vector<std::string> ids) : ids_(std::move(ids)) {
  rows_.reserve(ids_.size());
  for (std::size_t row = 0; row < ids_.size(); ++row) {
    if (!is_utf8(ids_[row])) ids_[row] = to_utf8(ids_[row]);
    rows_.emplace(ids_[row], static_cast<std::uint32_t>(row));
  }
}

std::optional<std::uint32_t> IdIndex::find(std::string_view id) const {
  const auto found = is_utf8(id) ? rows_.find(id) : rows_.find(to_utf8(id));
  return found == rows_.end() ? std::nullopt : std::optional(found->second);
}

RowMatch match_ids(std::span<const std::string> ids, const IdIndex& there) {
  RowMatch match;
  match.rows.reserve(ids.size());
  for (const auto& id : ids) {
    const auto row = there.find(id);
    if (!row && match.missing++ == 0) match.first_missing = id;
    match.rows.push_back(row.value_or(no_row));
  }
  return match;
}

RowMatch match_positions(std::size_t count) {
  RowMatch match;
  match.rows.resize(count);
  std::iota(match.rows.begin(), match.rows.end(), 0u);
  return match;
}

}  // namespace neumf
