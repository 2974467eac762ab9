// What is asked of a model: a list of users, or pairs of a user and an item, as people write them.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "neumf/data/id_index.hpp"
#include "neumf/serve/text.hpp"

namespace neumf::serve {

// Users, or items.
struct IdList {
  std::vector<std::string> ids;     // original
  std::vector<std::uint32_t> rows;  // of the checkpoint, or no_row
  std::size_t unknown = 0;          // how many are
  std::string first_unknown;        // for messages: "line 3: '999'"
};

using UserList = IdList;

// Every one that the checkpoint knows, in its order.
IdList all_ids(const IdIndex& known);
// "7,12,x9": ids separated by commas. `option` is named in messages: "--users".
IdList listed_ids(const char* option, const std::string& list, const IdIndex& known);
// One id per line. Blank lines, and a first line that says user_id (item_id), are passed over.
IdList read_users(const std::string& text, const IdIndex& known);
IdList read_items(const std::string& text, const IdIndex& known);

// Pairs, in rows of the checkpoint.
struct PairBlock {
  std::vector<std::uint32_t> users, items;
};

// Reads lines `user,item` (or with a tab between), original ids, in quotes where they hold the separator.
// Blank lines, and a first line that names the columns (user_id,item_id), are passed over.
class PairReader {
 public:
  // `name`: of the input, for messages. The others must outlive the reader.
  PairReader(std::istream& input, std::string name, const IdIndex& users, const IdIndex& items);

  // The next pairs, at most `most`; none at the end. Throws Error naming the line that is not a pair, or
  // whose user or item the checkpoint does not know.
  PairBlock next(std::size_t most);

 private:
  RecordReader records_;
  std::string name_;
  const IdIndex& users_;
  const IdIndex& items_;
  char separator_ = ',';
};

}  // namespace neumf::serve
