// Original ids to dense ids, in order of first appearance.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace neumf::preprocess {

// Original ids by dense id: integers if all of them are, otherwise texts.
using Ids = std::variant<std::vector<std::int64_t>, std::vector<std::string>>;

std::size_t size(const Ids& ids);
// Those of the given dense ids.
Ids select(const Ids& ids, std::span<const std::uint32_t> dense);
// For messages.
std::string id_text(const Ids& ids, std::size_t dense);

class IdMap {
 public:
  IdMap() = default;
  // Maps ids[i] to i.
  explicit IdMap(const Ids& ids);

  // The dense id, a new one if the id was not seen before. Fails beyond 2^32 - 2 ids.
  std::uint32_t add(std::int64_t number) {
    if (number >= 0 && number < static_cast<std::int64_t>(direct_.size())) [[likely]]
      if (const std::uint32_t dense = direct_[static_cast<std::size_t>(number)]; dense != unknown)
        return dense;
    return add_slowly(number);
  }
  std::uint32_t add(std::string_view text);

  std::optional<std::uint32_t> find(std::int64_t number) const;
  // A canonical integer is looked up as a number.
  std::optional<std::uint32_t> find(std::string_view text) const;

  std::uint32_t size() const { return static_cast<std::uint32_t>(numbers_.size()); }
  bool all_numbers() const { return texts_.empty(); }
  // The id as a number; only where all_numbers().
  std::int64_t number(std::uint32_t dense) const { return numbers_[dense]; }
  // The original ids of the given dense ids.
  Ids select(std::span<const std::uint32_t> dense) const;

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  static constexpr std::uint32_t unknown = 0xFFFFFFFF;

  std::uint32_t next_id() const;
  std::uint32_t add_slowly(std::int64_t number);

  std::vector<std::uint32_t> direct_;  // by number, for small ones
  std::unordered_map<std::int64_t, std::uint32_t> hashed_;
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> hashed_texts_;
  std::vector<std::int64_t> numbers_;  // by dense id; 0 for texts
  std::vector<std::string> texts_;     // by dense id, empty for numbers; none at all while there is no text
};

}  // namespace neumf::preprocess
