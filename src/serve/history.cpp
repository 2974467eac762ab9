#include "neumf/serve/history.hpp"

#include <algorithm>
#include <sstream>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "neumf/core/error.hpp"
#include "neumf/data/utf8.hpp"

namespace neumf::serve {

History::Read History::read(const std::string& text, const std::string& name, const IdIndex& catalogue) {
  std::istringstream input(text);
  PairLines lines(input, name);
  std::vector<std::string> users;  // in the order of the file, as it has them
  std::unordered_map<std::string, std::size_t> places;
  std::vector<std::vector<std::uint32_t>> items;  // of each user
  std::unordered_set<std::string> unknown;
  Read found;
  while (lines.next()) {
    const auto row = catalogue.find(lines.item());
    if (lines.names_columns() && !row) continue;
    const auto [user, is_new] = places.try_emplace(to_utf8(lines.user()), users.size());
    if (is_new) {
      users.push_back(lines.user());
      items.emplace_back();
    }
    require(users[user->second] == lines.user(),
            "{}: line {}: two different users become '{}' where what is not UTF-8 is taken for ISO 8859-1 "
            "(Latin-1): bring the file into one encoding first, as with iconv -f ISO-8859-1 -t UTF-8",
            name, lines.line(), user->first);
    if (row)
      items[user->second].push_back(*row);
    else if (unknown.insert(lines.item()).second && unknown.size() == 1)
      found.first_unknown_item = fmt::format("line {}: '{}'", lines.line(), to_utf8(lines.item()));
  }
  found.unknown_items = unknown.size();
  require(!users.empty(), "{}: there is no pair of a user and an item in it", name);
  auto& list = found.everybody;
  for (std::size_t u = 0; u < users.size(); ++u) {
    users[u] = to_utf8(users[u]);
    list.ids.push_back(users[u]);
    if (items[u].empty()) {
      list.rows.push_back(no_row);
      if (list.unknown++ == 0) list.first_unknown = fmt::format("'{}'", users[u]);
      continue;
    }
    list.rows.push_back(static_cast<std::uint32_t>(found.known_users.size()));
    found.known_users.push_back(users[u]);
    std::sort(items[u].begin(), items[u].end());
    items[u].erase(std::unique(items[u].begin(), items[u].end()), items[u].end());
    found.items.items.insert(found.items.items.end(), items[u].begin(), items[u].end());
    found.items.offsets.push_back(found.items.items.size());
  }
  require(!found.known_users.empty(),
          "{}: none of its {} items is in the checkpoint's catalogue, beginning with {} (the catalogue's "
          "first is '{}'): items are matched by original ids",
          name, found.unknown_items, found.first_unknown_item, catalogue.ids().front());
  return found;
}

History::History(const std::string& text, const std::string& name, const IdIndex& catalogue)
    : History(read(text, name, catalogue)) {}

History::History(Read found)
    : users_(std::move(found.known_users)),
      everybody_(std::move(found.everybody)),
      items_(std::move(found.items)),
      unknown_items_(found.unknown_items),
      first_unknown_item_(std::move(found.first_unknown_item)) {}

ItemLists HistoryItems::excluded(std::span<const std::string> users) const {
  ItemLists lists;
  for (const auto& user : users) {
    if (const auto row = history_.users().find(user)) {
      const auto items = history_.items(*row);
      lists.items.insert(lists.items.end(), items.begin(), items.end());
    }
    lists.offsets.push_back(lists.items.size());
  }
  return lists;
}

}  // namespace neumf::serve
