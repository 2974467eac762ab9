#include "neumf/data/id_index.hpp"

#include <gmock/gmock.h>

#include <tuple>

#include "neumf/core/error.hpp"
#include "neumf/data/row_ranges.hpp"

namespace neumf {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(IdIndex, FindsRowsById) {
  const IdIndex index({"7", "x", "7", ""});
  EXPECT_EQ(index.find("7"), 0u);
  EXPECT_EQ(index.find("x"), 1u);
  EXPECT_EQ(index.find(""), 3u);
  EXPECT_EQ(index.find("y"), std::nullopt);
}

// An id is found as it was read and as it is printed.
TEST(IdIndex, ConvertsLatin1) {
  const IdIndex index({"jos\xE9", "zoë"});
  EXPECT_EQ(index.ids()[0], "josé");
  EXPECT_EQ(index.find("jos\xE9"), 0u);
  EXPECT_EQ(index.find("josé"), 0u);
  EXPECT_EQ(index.find("zo\xEB"), 1u);
}

// Two users must not become one.
TEST(IdIndex, RefusesIdsThatConversionMakesEqual) {
  for (const std::vector<std::string>& ids :
       {std::vector<std::string>{"jos\xE9", "a", "josé"}, {"josé", "jos\xE9"}})
    EXPECT_THAT([&] { IdIndex index(ids); },
                testing::ThrowsMessage<Error>(testing::HasSubstr("two different ids become 'josé'")));
  EXPECT_NO_THROW(IdIndex({"7", "7", "jos\xE9"}));
}

TEST(IdIndex, MatchesIdsOfAnotherOrder) {
  const IdIndex there({"a", "b", "c"});
  const std::vector<std::string> ids{"c", "new", "a", "newer"};
  const auto match = match_ids(ids, there);
  EXPECT_THAT(match.rows, ElementsAre(2, no_row, 0, no_row));
  EXPECT_EQ(match.missing, 2u);
  EXPECT_EQ(match.found(), 2u);
  EXPECT_EQ(match.first_missing, "new");
  EXPECT_THAT(match_positions(3).rows, ElementsAre(0, 1, 2));
}

TEST(RowRanges, CoverRowsInFewReads) {
  const std::vector<std::uint32_t> rows{9, 3, 4, 3, 20, 5};
  const auto ranges = [&](std::uint64_t gap, std::uint64_t most) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> out;
    for (const UserRange& range : covering_ranges(rows, gap, most)) out.emplace_back(range.first, range.last);
    return out;
  };
  EXPECT_THAT(ranges(1, 100), ElementsAre(Pair(3, 6), Pair(9, 10), Pair(20, 21)));
  EXPECT_THAT(ranges(5, 100), ElementsAre(Pair(3, 10), Pair(20, 21)));
  EXPECT_THAT(ranges(100, 4), ElementsAre(Pair(3, 6), Pair(9, 10), Pair(20, 21)));
  EXPECT_THAT(ranges(100, 2), ElementsAre(Pair(3, 5), Pair(5, 6), Pair(9, 10), Pair(20, 21)));
}

}  // namespace
}  // namespace neumf
