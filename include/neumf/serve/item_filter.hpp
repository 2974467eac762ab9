// What may be recommended to whom.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "neumf/data/id_index.hpp"

namespace neumf::serve {

// Lists of items, list u being items[offsets[u] .. offsets[u + 1]), ascending.
struct ItemLists {
  std::vector<std::uint64_t> offsets{0};
  std::vector<std::uint32_t> items;

  std::span<const std::uint32_t> of(std::size_t user) const {
    return std::span(items).subspan(offsets[user], offsets[user + 1] - offsets[user]);
  }
};

// Filters compose: an item is recommended to a user if every one of them lets it pass. Items are rows of the
// checkpoint's catalogue.
class ItemFilter {
 public:
  virtual ~ItemFilter() = default;
  // Whether anybody may get the item.
  virtual bool allows(std::uint32_t /*item*/) const { return true; }
  // What each of these users (original ids) may not get beside that: a list per user.
  virtual ItemLists excluded(std::span<const std::string> users) const {
    return {std::vector<std::uint64_t>(users.size() + 1, 0), {}};
  }
};

// The items of a list, or all others.
class ListedItems : public ItemFilter {
 public:
  enum class Meaning { allowed, denied };
  // `text`: an id per line, as for serve::read_users; `name`: of where it is from, for messages. Throws Error
  // if it names none of the catalogue's items.
  ListedItems(Meaning meaning, const std::string& text, const std::string& name, const IdIndex& catalogue);

  bool allows(std::uint32_t item) const override { return listed_[item] == (meaning_ == Meaning::allowed); }
  // Ids that the catalogue lacks, which are passed over.
  std::size_t unknown() const { return unknown_; }
  const std::string& first_unknown() const { return first_unknown_; }

 private:
  Meaning meaning_;
  std::vector<bool> listed_;
  std::size_t unknown_ = 0;
  std::string first_unknown_;
};

// What passes all of some filters.
class AllFilters : public ItemFilter {
 public:
  void add(std::unique_ptr<ItemFilter> filter) { filters_.push_back(std::move(filter)); }
  bool allows(std::uint32_t item) const override;
  ItemLists excluded(std::span<const std::string> users) const override;

 private:
  std::vector<std::unique_ptr<ItemFilter>> filters_;
};

}  // namespace neumf::serve
