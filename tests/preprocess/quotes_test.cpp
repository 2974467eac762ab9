// Quotes that are meant as such, and quotes that are not.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support.hpp"

namespace neumf::test {
namespace {

using preprocess::Quotes;
using preprocess::ReadOptions;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

ReadOptions with_quotes(Quotes quotes) {
  ReadOptions reading;
  reading.quotes = quotes;
  return reading;
}

// `at` are the rows, from 1, whose title begins with a quote that is never closed.
std::string plays(const std::vector<int>& at, int rows = 24) {
  std::string text = "user_id\titem_id\ttitle\ttimestamp\n";
  for (int i = 1; i <= rows; ++i)
    text += fmt::format("u{}\ti{}\t{}song\t{}\n", i % 4, i,
                        std::count(at.begin(), at.end(), i) > 0 ? "\"" : "", 1'500'000'000 + i);
  return text;
}

std::size_t rows_of(const Data& data) {
  std::size_t rows = data.test.size();
  for (const auto& items : data.train) rows += items.size();
  return rows;
}

TEST(Quotes, StrayOnesSwallowNothing) {
  for (const std::vector<int>& at : {std::vector<int>{5}, {5, 17}, {5, 9, 17}, {24}, {1, 2}})
    EXPECT_EQ(rows_of(run_text(plays(at))), 24u) << at.size();
  EXPECT_EQ(rows_of(run_text(plays({5, 17}), with_quotes(Quotes::literal))), 24u);
}

// Two stray quotes far behind the beginning of the file, where nothing is known of quotes yet.
TEST(Quotes, StrayOnesThatCouldCloseEachOther) {
  std::string text = "user_id,item_id,title,timestamp\n";
  const auto row = [](int i, const char* title) {
    return fmt::format("{},{},{},{}\n", i % 1000, i, title, 1'500'000'000 + i);
  };
  for (int i = 0; i < 60'000; ++i)
    text += row(i, i == 50'000 ? "\"Heroes" : i == 50'005 ? "Sleep\"" : "song");
  EXPECT_THAT(error_of_text(text, ReadOptions{}),
              AllOf(HasSubstr("input.txt:50002:"), HasSubstr("spans 6 lines that are complete rows"),
                    HasSubstr("--quotes literal")));
  EXPECT_EQ(rows_of(run_text(text, with_quotes(Quotes::literal))), 60'000u);
  // One that nothing closes.
  text.replace(text.find("Sleep\""), 6, "Sleep");
  EXPECT_THAT(error_of_text(text, ReadOptions{}),
              AllOf(HasSubstr("input.txt:50002:"), HasSubstr("--quotes literal")));
}

TEST(Quotes, FieldsOfRfc4180) {
  const std::string text =
      "user_id,item_id,review,timestamp\n1,a,\"He said \"\"no\"\", twice\",1500000000\n"
      "1,b,\"first line\nsecond, line\",1500000001\n1,c,plain,1500000002\n";
  for (const auto quotes : {Quotes::automatic, Quotes::csv}) {
    const Data data = run_text(text, with_quotes(quotes));
    EXPECT_THAT(data.train_of("1"), ElementsAre("a", "b"));
    EXPECT_EQ(data.test_of("1"), "c");
  }
  // Quotes inside fields are characters in either reading.
  EXPECT_THAT(run_text("user_id,item_id,timestamp\n1,5\" disk,1500000000\n1,b,1500000001\n").train_of("1"),
              ElementsAre("5\" disk"));
}

TEST(Quotes, WhatCannotBeToldNamesLineAndOption) {
  EXPECT_THAT(
      error_of_text("user_id,item_id,title,timestamp\n1,a,\"x\",1500000000\n1,b,\"y\" z,5,1500000001\n",
                    ReadOptions{}),
      AllOf(HasSubstr("input.txt:3:"), HasSubstr("text follows a closing quote"),
            HasSubstr("--quotes literal")));
  // Ids in quotes where the rest of the file takes them literally.
  EXPECT_THAT(
      error_of_text("user_id\titem_id\ttitle\ttimestamp\n1\ta\t\"x\t1500000000\n\"1\"\tb\ty\t1500000001\n",
                    ReadOptions{}),
      AllOf(HasSubstr("input.txt:3:"), HasSubstr("--quotes csv or --quotes literal")));
}

}  // namespace
}  // namespace neumf::test
