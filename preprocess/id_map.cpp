#include "id_map.hpp"

#include <algorithm>
#include <type_traits>

#include "neumf/core/error.hpp"
#include "parsed_block.hpp"

namespace neumf::preprocess {
namespace {
// Ids below this are found through a table (64 MiB at most), which is many times faster than hashing.
constexpr std::int64_t direct_limit = 1 << 24;
}  // namespace

std::size_t size(const Ids& ids) {
  return std::visit([](const auto& values) { return values.size(); }, ids);
}

Ids select(const Ids& ids, std::span<const std::uint32_t> dense) {
  return std::visit(
      [&](const auto& values) -> Ids {
        std::remove_cvref_t<decltype(values)> chosen;
        chosen.reserve(dense.size());
        for (const std::uint32_t id : dense) chosen.push_back(values[id]);
        return chosen;
      },
      ids);
}

std::string id_text(const Ids& ids, std::size_t dense) {
  if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&ids))
    return std::to_string((*numbers)[dense]);
  return std::get<std::vector<std::string>>(ids)[dense];
}

IdMap::IdMap(const Ids& ids) {
  if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&ids)) {
    for (const std::int64_t number : *numbers) add(number);
  } else {
    for (const std::string& text : std::get<std::vector<std::string>>(ids)) {
      if (const auto number = parse_canonical_integer(text))
        add(*number);
      else
        add(std::string_view(text));
    }
  }
}

std::uint32_t IdMap::next_id() const {
  require(numbers_.size() < unknown, "more than {} different ids in one column are not supported", unknown);
  return static_cast<std::uint32_t>(numbers_.size());
}

std::uint32_t IdMap::add_slowly(std::int64_t number) {
  std::uint32_t dense = next_id();
  if (number >= 0 && number < direct_limit) {
    const auto index = static_cast<std::size_t>(number);
    if (index >= direct_.size())
      direct_.resize(std::min<std::size_t>(std::max<std::size_t>(2 * index, 1024), direct_limit), unknown);
    direct_[index] = dense;
  } else {
    const auto [entry, is_new] = hashed_.try_emplace(number, dense);
    if (!is_new) return entry->second;
  }
  numbers_.push_back(number);
  if (!texts_.empty()) texts_.emplace_back();
  return dense;
}

std::uint32_t IdMap::add(std::string_view text) {
  if (const auto found = hashed_texts_.find(text); found != hashed_texts_.end()) return found->second;
  const std::uint32_t dense = next_id();
  hashed_texts_.emplace(text, dense);
  texts_.resize(dense);
  texts_.emplace_back(text);
  numbers_.push_back(0);
  return dense;
}

std::optional<std::uint32_t> IdMap::find(std::int64_t number) const {
  if (number >= 0 && number < static_cast<std::int64_t>(direct_.size())) {
    const std::uint32_t dense = direct_[static_cast<std::size_t>(number)];
    return dense == unknown ? std::nullopt : std::optional(dense);
  }
  const auto found = hashed_.find(number);
  return found == hashed_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::uint32_t> IdMap::find(std::string_view text) const {
  if (const auto number = parse_canonical_integer(text)) return find(*number);
  const auto found = hashed_texts_.find(text);
  return found == hashed_texts_.end() ? std::nullopt : std::optional(found->second);
}

Ids IdMap::select(std::span<const std::uint32_t> dense) const {
  if (all_numbers()) {
    std::vector<std::int64_t> result;
    result.reserve(dense.size());
    for (const std::uint32_t id : dense) result.push_back(numbers_[id]);
    return result;
  }
  std::vector<std::string> result;
  result.reserve(dense.size());
  for (const std::uint32_t id : dense)
    result.push_back(texts_[id].empty() ? std::to_string(numbers_[id]) : texts_[id]);
  return result;
}

}  // namespace neumf::preprocess
