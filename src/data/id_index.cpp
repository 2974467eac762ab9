#include "neumf/data/id_index.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "neumf/core/error.hpp"
#include "neumf/data/utf8.hpp"

namespace neumf {

void ids_to_utf8(std::span<std::string> ids, const char* what) {
  std::vector<std::size_t> converted;
  for (std::size_t row = 0; row < ids.size(); ++row) {
    if (is_utf8(ids[row])) continue;
    ids[row] = to_utf8(ids[row]);
    converted.push_back(row);
  }
  if (converted.empty()) return;
  std::unordered_map<std::string_view, std::size_t> rows;
  for (std::size_t row = 0; row < ids.size(); ++row) {
    const auto [other, is_new] = rows.emplace(ids[row], row);
    if (is_new || (!std::ranges::binary_search(converted, row) &&
                   !std::ranges::binary_search(converted, other->second)))
      continue;
    fail(
        "{}: two different ids become '{}' where what is not UTF-8 is taken for ISO 8859-1 (Latin-1): bring "
        "the input into one encoding first, as with iconv -f ISO-8859-1 -t UTF-8",
        what, ids[row]);
  }
}

IdIndex::IdIndex(std::vector<std::string> ids) : ids_(std::move(ids)) {
  ids_to_utf8(ids_, "ids");
  rows_.reserve(ids_.size());
  for (std::size_t row = 0; row < ids_.size(); ++row)
    rows_.emplace(ids_[row], static_cast<std::uint32_t>(row));
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
