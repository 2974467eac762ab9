#include "neumf/serve/requests.hpp"

#include <algorithm>
#include <array>
#include <istream>
#include <sstream>
#include <utility>

#include "neumf/core/error.hpp"
#include "neumf/serve/text.hpp"

namespace neumf::serve {
namespace {

constexpr std::array user_columns{"user_id", "userId", "user"};
constexpr std::array item_columns{"item_id", "itemId", "item", "movieId"};

template <class Names>
bool names(const Names& columns, std::string_view field) {
  return std::find(columns.begin(), columns.end(), field) != columns.end();
}

void add(UserList& list, std::string id, const std::string& place, const IdIndex& known) {
  list.rows.push_back(known.find(id).value_or(unknown_user));
  if (list.rows.back() == unknown_user && list.unknown++ == 0)
    list.first_unknown = fmt::format("{}'{}'", place, id);
  list.ids.push_back(std::move(id));
}

// An id as one field, in quotes or not.
std::string id_field(std::string_view text) {
  text = trimmed(text);
  return text.starts_with('"') ? split_csv(text, '\0').front() : std::string(text);
}

}  // namespace

UserList all_users(const IdIndex& known) {
  UserList list;
  list.ids = known.ids();
  for (std::size_t row = 0; row < list.ids.size(); ++row)
    list.rows.push_back(static_cast<std::uint32_t>(row));
  return list;
}

UserList listed_users(const std::string& text, const IdIndex& known) {
  UserList list;
  for (const auto& id : split_csv(text, ',')) {
    const auto word = trimmed(id);
    require(!word.empty(), "--users {}: there is nothing between two commas", text);
    add(list, std::string(word), "", known);
  }
  return list;
}

UserList read_users(const std::string& text, const IdIndex& known) {
  UserList list;
  std::istringstream lines(text);
  std::string line;
  for (std::uint64_t number = 1; std::getline(lines, line); ++number) {
    if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);  // a byte order mark
    if (trimmed(line).empty()) continue;
    std::string id = id_field(line);
    if (number == 1 && names(user_columns, id) && !known.find(id)) continue;
    add(list, std::move(id), fmt::format("line {}: ", number), known);
  }
  return list;
}

PairReader::PairReader(std::istream& input, std::string name, const IdIndex& users, const IdIndex& items)
    : input_(input), name_(std::move(name)), users_(users), items_(items) {}

bool PairReader::take_line() {
  while (std::getline(input_, line_)) {
    if (++number_ == 1) {
      if (line_.starts_with("\xEF\xBB\xBF")) line_.erase(0, 3);
      if (line_.find('\t') != std::string::npos) separator_ = '\t';
    }
    if (line_.ends_with('\r')) line_.pop_back();
    if (!trimmed(line_).empty()) return true;
  }
  require(!input_.bad(), "{}: reading failed after line {}", name_, number_);
  return false;
}

PairBlock PairReader::next(std::size_t most) {
  PairBlock block;
  while (block.users.size() < most && take_line()) {
    std::vector<std::string> fields;
    try {
      fields = split_csv(line_, separator_);
    } catch (const Error& error) {
      fail("{}: line {}: {}", name_, number_, error.what());
    }
    require(fields.size() == 2 && !trimmed(fields[0]).empty() && !trimmed(fields[1]).empty(),
            "{}: line {}: '{}' is not a pair: a user and an item, separated by a comma or a tab", name_,
            number_, line_.substr(0, 80));
    const auto user = users_.find(trimmed(fields[0])), item = items_.find(trimmed(fields[1]));
    if (number_ == 1 && names(user_columns, trimmed(fields[0])) && names(item_columns, trimmed(fields[1])) &&
        !user)
      continue;
    require(user.has_value(), "{}: line {}: user '{}' is unknown to the checkpoint", name_, number_,
            fields[0]);
    require(item.has_value(), "{}: line {}: item '{}' is unknown to the checkpoint", name_, number_,
            fields[1]);
    block.users.push_back(*user);
    block.items.push_back(*item);
  }
  return block;
}

}  // namespace neumf::serve
