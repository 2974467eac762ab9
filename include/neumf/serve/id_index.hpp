// From original ids to rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace neumf::serve {

class IdIndex {
 public:
  // The ids by row. Of equal ids the first counts.
  explicit IdIndex(std::vector<std::string> ids);
  IdIndex(const IdIndex&) = delete;  // the index refers to the ids
  IdIndex& operator=(const IdIndex&) = delete;

  const std::vector<std::string>& ids() const { return ids_; }
  std::optional<std::uint32_t> find(std::string_view id) const;

 private:
  std::vector<std::string> ids_;
  std::unordered_map<std::string_view, std::uint32_t> rows_;
};

}  // namespace neumf::serve
