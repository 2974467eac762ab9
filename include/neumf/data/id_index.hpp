// From original ids to rows: what belongs together in a data set and in a model is decided by ids, never by
// positions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace neumf {

// Converts ids that are not UTF-8 (data/utf8.hpp). Throws Error, which begins with `what` they are, where one
// becomes equal to another.
void ids_to_utf8(std::span<std::string> ids, const char* what);

class IdIndex {
 public:
  // The ids by row. Of equal ids the first counts. Ids that are not UTF-8 are converted, here (ids_to_utf8)
  // and in find(), so that an id is found as it is printed.
  explicit IdIndex(std::vector<std::string> ids);
  IdIndex(const IdIndex&) = delete;  // the index refers to the ids
  IdIndex& operator=(const IdIndex&) = delete;

  const std::vector<std::string>& ids() const { return ids_; }
  std::optional<std::uint32_t> find(std::string_view id) const;

 private:
  std::vector<std::string> ids_;
  std::unordered_map<std::string_view, std::uint32_t> rows_;
};

inline constexpr std::uint32_t no_row = 0xFFFFFFFFu;

// The row of each of some ids in another order of rows.
struct RowMatch {
  std::vector<std::uint32_t> rows;  // or no_row
  std::size_t missing = 0;          // ids that have none
  std::string first_missing;

  std::size_t found() const { return rows.size() - missing; }
};

RowMatch match_ids(std::span<const std::string> ids, const IdIndex& there);
// Of `count` ids that lie in the same order.
RowMatch match_positions(std::size_t count);

}  // namespace neumf
