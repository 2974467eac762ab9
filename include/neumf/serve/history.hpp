// Who has what, as a file of pairs says it: what a model knows of users who need not have been in its
// training.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "neumf/data/id_index.hpp"
#include "neumf/serve/item_filter.hpp"
#include "neumf/serve/requests.hpp"

namespace neumf::serve {

class History {
 public:
  // `text`: lines `user,item` as for PairReader, original ids; `name`: of the file, for messages. Items that
  // the catalogue lacks are passed over. Throws Error, naming the line that is not a pair, and if there is no
  // item of the catalogue at all.
  History(const std::string& text, const std::string& name, const IdIndex& catalogue);

  // The users who have an item of the catalogue, in the order of the file: rows of what is made of them.
  const IdIndex& users() const { return users_; }
  // All users of the file, in its order; those without such an item are unknown.
  const UserList& everybody() const { return everybody_; }
  // A user's items, each once, as ascending rows of the catalogue.
  std::span<const std::uint32_t> items(std::uint32_t user) const { return items_.of(user); }
  std::size_t interactions() const { return items_.items.size(); }

  // Different items that the catalogue lacks, and the first: "line 3: 'x9'".
  std::size_t unknown_items() const { return unknown_items_; }
  const std::string& first_unknown_item() const { return first_unknown_item_; }

 private:
  // What reading finds, from which users_ is made.
  struct Read {
    std::vector<std::string> known_users;
    UserList everybody;
    ItemLists items;
    std::size_t unknown_items = 0;
    std::string first_unknown_item;
  };
  static Read read(const std::string& text, const std::string& name, const IdIndex& catalogue);
  explicit History(Read found);

  IdIndex users_;
  UserList everybody_;
  ItemLists items_;
  std::size_t unknown_items_;
  std::string first_unknown_item_;
};

// What users have in their history, they do not get again.
class HistoryItems : public ItemFilter {
 public:
  // `history` must outlive this.
  explicit HistoryItems(const History& history) : history_(history) {}
  ItemLists excluded(std::span<const std::string> users) const override;

 private:
  const History& history_;
};

}  // namespace neumf::serve
