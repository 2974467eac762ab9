#include "neumf/config/ini.hpp"

#include <gmock/gmock.h>

#include "neumf/core/error.hpp"

namespace neumf {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

std::string value_in(const std::string& line) {
  const auto settings = read_ini(line);
  EXPECT_EQ(settings.size(), 1u) << line;
  return settings.empty() ? "" : settings.front().value;
}

TEST(Ini, ReadsBackWhatItWrites) {
  for (const std::string value : {"",
                                  "plain",
                                  "exp#7",
                                  "exp #7",
                                  "#7",
                                  " leading",
                                  "trailing ",
                                  "\ttab\t",
                                  "in the middle",
                                  "\"quoted\"",
                                  "half\"",
                                  "\"",
                                  "back\\slash",
                                  "\\",
                                  "\\n",
                                  " \\\" ",
                                  "a=b",
                                  "= b",
                                  ";",
                                  "; x",
                                  "two\nlines",
                                  "return\r",
                                  "[section]",
                                  "ä ö 漢",
                                  "'",
                                  "C:\\new #1 \"x\"",
                                  "\v",
                                  "a # b # c"}) {
    const auto settings = read_ini("# before\n" + ini_line("some_name", value) + "after = 1\n");
    ASSERT_EQ(settings.size(), 2u) << value;
    EXPECT_EQ(settings[0].name, "some_name") << value;
    EXPECT_EQ(settings[0].value, value);
    EXPECT_EQ(settings[1].value, "1");
  }
}

TEST(Ini, WritesQuotesOnlyWhereTheyAreNeeded) {
  EXPECT_EQ(ini_line("a", "b c"), "a = b c\n");
  EXPECT_EQ(ini_line("a", "b#c"), "a = \"b#c\"\n");
}

TEST(Ini, TakesCommentsOnlyAfterABlank) {
  EXPECT_EQ(value_in("dir = exp#7"), "exp#7");
  EXPECT_EQ(value_in("dir = exp # 7"), "exp");
  EXPECT_EQ(value_in("dir = \"exp # 7\" # comment"), "exp # 7");
  EXPECT_EQ(value_in("dir =# nothing"), "");
  EXPECT_EQ(value_in("  dir=x\r\n"), "x");
  EXPECT_TRUE(read_ini("# a = b\n ; c = d\n\n").empty());
}

TEST(Ini, NamesTheLineThatIsWrong) {
  const auto message = [](const char* text, const char* part) {
    EXPECT_THAT([&] { read_ini(text); }, ThrowsMessage<Error>(HasSubstr(part))) << text;
  };
  message("a = 1\nb\n", "line 2: 'b' is not of the form NAME = VALUE");
  message("[train]\n", "line 1: '[train]'");
  message("= 3\n", "line 1: no name");
  message("\na = \"open\n", "line 2: the closing quote is missing");
  message("a = \"open\\", "the closing quote is missing");
  message("a = \"C:\\x\"\n", "'\\x' has no meaning");
  message("a = \"x\" y\n", "'y' follows the closing quote");
}

}  // namespace
}  // namespace neumf
