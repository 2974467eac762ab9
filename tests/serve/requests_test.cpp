#include "neumf/serve/requests.hpp"

#include <gmock/gmock.h>

#include <sstream>

#include "neumf/core/error.hpp"
#include "neumf/ops/top_k.hpp"
#include "neumf/serve/popularity.hpp"

namespace neumf::serve {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

const IdIndex users({"7", "9", "x,y"}), items({"a", "b", "user_id"});

TEST(Users, AreAllListedOrRead) {
  EXPECT_THAT(all_ids(users).rows, ElementsAre(0, 1, 2));
  EXPECT_THAT(listed_ids("--users", "9, 7,\"x,y\",9", users).rows, ElementsAre(1, 0, 2, 1));
  const auto list = read_users("\xEF\xBB\xBFuser_id\r\n9\r\n\n  7\n\"x,y\"", users);
  EXPECT_THAT(list.rows, ElementsAre(1, 0, 2));
  EXPECT_THAT(list.ids, ElementsAre("9", "7", "x,y"));
  EXPECT_EQ(list.unknown, 0u);
  EXPECT_THAT(read_users("", users).ids, IsEmpty());
}

TEST(Users, SayWhichAreUnknown) {
  const auto list = read_users("9\n\n8\n7\nuser_id\n", users);
  EXPECT_THAT(list.rows, ElementsAre(1, no_row, 0, no_row));
  EXPECT_EQ(list.unknown, 2u);
  EXPECT_EQ(list.first_unknown, "line 3: '8'");
  EXPECT_EQ(listed_ids("--users", "9,8", users).first_unknown, "'8'");
  EXPECT_THROW(listed_ids("--users", "9,,7", users), Error);
}

std::vector<PairBlock> read_pairs(const std::string& text, std::size_t most = 100) {
  std::istringstream input(text);
  PairReader reader(input, "pairs.csv", users, items);
  std::vector<PairBlock> blocks;
  do blocks.push_back(reader.next(most));
  while (!blocks.back().users.empty());
  blocks.pop_back();
  return blocks;
}

TEST(Pairs, AreReadInBlocks) {
  const auto blocks = read_pairs("user_id,item_id\r\n9,b\r\n7,a\n\n\"x,y\", b\n9,user_id", 2);
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_THAT(blocks[0].users, ElementsAre(1, 0));
  EXPECT_THAT(blocks[0].items, ElementsAre(1, 0));
  EXPECT_THAT(blocks[1].users, ElementsAre(2, 1));
  EXPECT_THAT(blocks[1].items, ElementsAre(1, 2));
  EXPECT_THAT(read_pairs("x,y\tb\n9\ta\n").at(0).users, ElementsAre(2, 1));
  EXPECT_THAT(read_pairs(""), IsEmpty());
}

// Every name that neumf-preprocess knows.
TEST(Pairs, HeadersUnderOtherNames) {
  EXPECT_EQ(read_users("User_ID\n9\n", users).ids, (std::vector<std::string>{"9"}));
  EXPECT_EQ(read_users("reviewerID\n9\n", users).ids, (std::vector<std::string>{"9"}));
  EXPECT_EQ(read_pairs("User_ID,product_id\n9,b\n", 2).size(), 1u);
  EXPECT_EQ(read_pairs("visitorid\tparent_asin\n9\tb\n", 2).size(), 1u);
}

TEST(Pairs, NameTheLineThatIsWrong) {
  const auto message = [](const std::string& text, const std::string& part) {
    EXPECT_THAT([&] { read_pairs(text); }, ThrowsMessage<Error>(HasSubstr(part))) << text;
  };
  message("7,a\n\nnonsense\n", "pairs.csv: line 3: 'nonsense' is not a pair");
  message("7,a\n7,a,3\n",
          "line 2: '7,a,3' is not a pair: a user and an item, separated by a comma or a tab; leave out");
  message("7,\n", "line 1");
  message("7,a\n8,a\n", "line 2: user '8' is unknown");
  message("7,a\n7,c\n", "line 2: item 'c' is unknown");
  message("7,a\nuser_id,item_id\n", "line 2: user 'user_id' is unknown");
  message("7,\"a\n", "line 1: a quoted field is not closed");
}

TEST(Popularity, OrdersByCountAndThenByItem) {
  const std::vector<std::uint64_t> counts{3, 9, 3, 0, 9};
  const Popularity popularity(counts);
  EXPECT_THAT(popularity.best(3, {}), ElementsAre(1, 4, 0));
  const std::vector<std::uint32_t> excluded{0, 1, 3};
  EXPECT_THAT(popularity.best(4, excluded), ElementsAre(4, 2, ops::no_item, ops::no_item));
}

}  // namespace
}  // namespace neumf::serve
