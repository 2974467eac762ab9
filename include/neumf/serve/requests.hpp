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

// Lines `user,item` (or with a tab between), original ids, in quotes where they hold the separator. Blank
// lines are passed over.
class PairLines {
 public:
  // `name`: of the input, for messages. The input must outlive the reader.
  PairLines(std::istream& input, std::string name);
  PairLines(const PairLines&) = delete;
  PairLines& operator=(const PairLines&) = delete;

  // The next pair; false at the end. Throws Error naming the line that is none.
  bool next();
  const std::string& user() const { return user_; }
  const std::string& item() const { return item_; }
  std::uint64_t line() const { return records_.line(); }
  // Whether this is the first line and its words are names of columns: user_id,item_id.
  bool names_columns() const;

 private:
  std::string name_;
  char separator_ = ',';
  RecordReader records_;
  std::string user_, item_;
};

// Reads pairs of users and items that are known. A first line that names the columns is passed over.
class PairReader {
 public:
  // `name`: of the input, for messages; `who_knows`: whom the users are known to. The others must outlive the
  // reader.
  PairReader(std::istream& input, std::string name, const IdIndex& users, const IdIndex& items,
             std::string who_knows = "the checkpoint");

  // The next pairs, at most `most`; none at the end. Throws Error naming the line that is not a pair, or
  // whose user or item is not known.
  PairBlock next(std::size_t most);

 private:
  PairLines lines_;
  std::string name_;
  const IdIndex& users_;
  const IdIndex& items_;
  std::string who_knows_;
};

}  // namespace neumf::serve
