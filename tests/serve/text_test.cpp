#include "neumf/serve/text.hpp"

#include "neumf/data/utf8.hpp"

#include <gmock/gmock.h>

#include "neumf/core/csv.hpp"
#include "neumf/core/error.hpp"

namespace neumf::serve {
namespace {

using testing::ElementsAre;

TEST(Text, SplitsCsv) {
  EXPECT_THAT(split_csv("1,2", ','), ElementsAre("1", "2"));
  EXPECT_THAT(split_csv("", ','), ElementsAre(""));
  EXPECT_THAT(split_csv(",a,", ','), ElementsAre("", "a", ""));
  EXPECT_THAT(split_csv("11,\"American President, The (1995)\",Comedy", ','),
              ElementsAre("11", "American President, The (1995)", "Comedy"));
  EXPECT_THAT(split_csv("\"say \"\"yes\"\"\",x", ','), ElementsAre("say \"yes\"", "x"));
  EXPECT_THAT(split_csv("a b\tc,d", '\t'), ElementsAre("a b", "c,d"));
  EXPECT_THAT(split_csv("5\" disk,x", ','), ElementsAre("5\" disk", "x"));  // not at the beginning
  EXPECT_THROW(split_csv("1,\"open", ','), Error);
}

TEST(Text, QuotesCsvThatSplitsAgain) {
  EXPECT_EQ(csv_field("plain text"), "plain text");
  for (const char* field : {"a,b", "\"", "say \"yes\", she said", "", "two\nlines"})
    EXPECT_THAT(split_csv(csv_field(field) + ",x", ','), ElementsAre(field, "x"));
}

TEST(Text, Trims) {
  EXPECT_EQ(trimmed("  a b\t\r"), "a b");
  EXPECT_EQ(trimmed(" \t"), "");
}

TEST(Text, TakesWhatIsNotUtf8ForLatin1) {
  EXPECT_EQ(to_utf8("Amélie"), "Amélie");
  EXPECT_EQ(to_utf8("Am\xE9lie"), "Amélie");
  EXPECT_EQ(to_utf8("\xC3"), "Ã");                          // a sequence that ends early
  EXPECT_EQ(to_utf8("\xED\xA0\x80"), "í\xC2\xA0\xC2\x80");  // a surrogate
  EXPECT_EQ(to_utf8("日本 🎬"), "日本 🎬");
}

}  // namespace
}  // namespace neumf::serve
