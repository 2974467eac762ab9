#include "neumf/serve/requests.hpp"

#include <algorithm>
#include <array>
#include <istream>
#include <optional>
#include <sstream>
#include <utility>

#include "neumf/core/error.hpp"
#include "neumf/data/column_names.hpp"
#include "neumf/data/utf8.hpp"
#include "neumf/serve/text.hpp"

namespace neumf::serve {
namespace {

using columns::Role;

void add(IdList& list, const std::string& id, const std::string& place, const IdIndex& known) {
  list.rows.push_back(known.find(id).value_or(no_row));
  if (list.rows.back() == no_row && list.unknown++ == 0)
    list.first_unknown = fmt::format("{}'{}'", place, id);
  list.ids.push_back(to_utf8(id));
}

// An id as one field, in quotes or not.
std::string id_field(std::string_view text) {
  text = trimmed(text);
  return text.starts_with('"') ? split_csv(text, '\0').front() : std::string(text);
}

}  // namespace

IdList all_ids(const IdIndex& known) {
  IdList list;
  list.ids = known.ids();
  for (std::size_t row = 0; row < list.ids.size(); ++row)
    list.rows.push_back(static_cast<std::uint32_t>(row));
  return list;
}

IdList listed_ids(const char* option, const std::string& text, const IdIndex& known) {
  IdList list;
  for (const auto& id : split_csv(text, ',')) {
    const auto word = trimmed(id);
    require(!word.empty(), "{} {}: there is nothing between two commas", option, text);
    add(list, std::string(word), "", known);
  }
  return list;
}

namespace {

IdList read_ids(const std::string& text, Role role, const IdIndex& known) {
  IdList list;
  std::istringstream input(text);
  RecordReader records(input, "the list of ids", [](std::string_view) { return std::optional('\0'); });
  while (records.next()) {
    const std::string& line = records.text();
    const std::uint64_t number = records.line();
    if (trimmed(line).empty()) continue;
    std::string id = id_field(line);
    if (number == 1 && columns::rank(role, id) && !known.find(id)) continue;
    add(list, id, fmt::format("line {}: ", number), known);
  }
  return list;
}

}  // namespace

IdList read_users(const std::string& text, const IdIndex& known) {
  return read_ids(text, Role::user, known);
}

IdList read_items(const std::string& text, const IdIndex& known) {
  return read_ids(text, Role::item, known);
}

PairLines::PairLines(std::istream& input, std::string name)
    : name_(std::move(name)), records_(input, name_, [this](std::string_view first_line) {
        if (first_line.find('\t') != std::string_view::npos) separator_ = '\t';
        return separator_;
      }) {}

bool PairLines::next() {
  do {
    if (!records_.next()) return false;
  } while (trimmed(records_.text()).empty());
  std::vector<std::string> fields;
  try {
    fields = split_csv(records_.text(), separator_);
  } catch (const Error& error) {
    fail("{}: line {}: {}", name_, line(), error.what());
  }
  require(fields.size() == 2 && !trimmed(fields[0]).empty() && !trimmed(fields[1]).empty(),
          "{}: line {}: '{}' is not a pair: a user and an item, separated by a comma or a tab{}", name_,
          line(), to_utf8(records_.text().substr(0, 80)),
          fields.size() > 2 ? "; leave out the other columns, as with cut -d, -f1,2" : "");
  user_ = trimmed(fields[0]);
  item_ = trimmed(fields[1]);
  return true;
}

bool PairLines::names_columns() const {
  return line() == 1 && columns::rank(Role::user, user_) && columns::rank(Role::item, item_);
}

PairReader::PairReader(std::istream& input, std::string name, const IdIndex& users, const IdIndex& items,
                       std::string who_knows)
    : lines_(input, name),
      name_(std::move(name)),
      users_(users),
      items_(items),
      who_knows_(std::move(who_knows)) {}

PairBlock PairReader::next(std::size_t most) {
  PairBlock block;
  while (block.users.size() < most && lines_.next()) {
    const auto user = users_.find(lines_.user()), item = items_.find(lines_.item());
    if (lines_.names_columns() && !user) continue;
    require(user.has_value(), "{}: line {}: user '{}' is unknown to {}", name_, lines_.line(), lines_.user(),
            who_knows_);
    require(item.has_value(), "{}: line {}: item '{}' is unknown to the checkpoint", name_, lines_.line(),
            lines_.item());
    block.users.push_back(*user);
    block.items.push_back(*item);
  }
  return block;
}

}  // namespace neumf::serve
