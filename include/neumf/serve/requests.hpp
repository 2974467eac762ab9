// What is asked of a model: a list of users, or pairs of a user and an item, as people write them.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "neumf/serve/id_index.hpp"

namespace neumf::serve {

inline constexpr std::uint32_t unknown_user = 0xFFFFFFFFu;

struct UserList {
  std::vector<std::string> ids;     // original
  std::vector<std::uint32_t> rows;  // of the checkpoint, or unknown_user
  std::size_t unknown = 0;          // how many are
  std::string first_unknown;        // for messages: "line 3: '999'"
};

// Every user that the checkpoint knows, in its order.
UserList all_users(const IdIndex& known);
// "7,12,x9": ids separated by commas.
UserList listed_users(const std::string& list, const IdIndex& known);
// One id per line. Blank lines, and a first line that says user_id, are passed over.
UserList read_users(const std::string& text, const IdIndex& known);

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
  bool take_line();

  std::istream& input_;
  std::string name_;
  const IdIndex& users_;
  const IdIndex& items_;
  std::string line_;
  std::uint64_t number_ = 0;
  char separator_ = ',';
};

}  // namespace neumf::serve
