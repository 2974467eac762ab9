#include "neumf/serve/id_index.hpp"

#include <utility>

namespace neumf::serve {

IdIndex::IdIndex(std::vector<std::string> ids) : ids_(std::move(ids)) {
  rows_.reserve(ids_.size());
  for (std::size_t row = 0; row < ids_.size(); ++row)
    rows_.emplace(ids_[row], static_cast<std::uint32_t>(row));
}

std::optional<std::uint32_t> IdIndex::find(std::string_view id) const {
  const auto found = rows_.find(id);
  return found == rows_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace neumf::serve
