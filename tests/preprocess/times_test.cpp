// Times as files have them, and columns that are no times.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "neumf/core/error.hpp"
#include "support.hpp"
#include "time_text.hpp"

namespace neumf::test {
namespace {

using preprocess::parse_iso_time;
using preprocess::ReadOptions;
using preprocess::Time;
using preprocess::TimePattern;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Time iso(const char* text) {
  const auto time = parse_iso_time(text);
  EXPECT_TRUE(time.has_value()) << text;
  return time ? time->time : Time{-1, 0};
}

TEST(IsoTime, DatesTimesAndZones) {
  // date -u -d '2017-07-14 03:02:12' +%s
  EXPECT_EQ(iso("2017-07-14 03:02:12"), (Time{1'500'001'332, 0}));
  EXPECT_EQ(iso("2017-07-14T03:02:12Z"), (Time{1'500'001'332, 0}));
  EXPECT_EQ(iso("2017-07-14T03:02:12.277Z"), (Time{1'500'001'332, 277'000'000}));
  EXPECT_EQ(iso("2017-07-14 05:02:12+02:00"), (Time{1'500'001'332, 0}));
  EXPECT_EQ(iso("2017-07-13T22:02:12-0500"), (Time{1'500'001'332, 0}));
  EXPECT_EQ(iso("2017-07-14 03:02:12 UTC"), (Time{1'500'001'332, 0}));
  EXPECT_EQ(iso("2017-07-14 03:02"), (Time{1'500'001'320, 0}));
  EXPECT_EQ(iso("2017-07-14"), (Time{1'499'990'400, 0}));
  EXPECT_EQ(iso("2017/07/14"), (Time{1'499'990'400, 0}));
  EXPECT_EQ(iso("2017-07-13 24:00:00"), (Time{1'499'990'400, 0}));
  EXPECT_EQ(iso("1970-01-01"), (Time{0, 0}));
  EXPECT_EQ(iso("1969-12-31T23:59:59"), (Time{-1, 0}));
  EXPECT_EQ(iso("2000-02-29"), (Time{951'782'400, 0}));
  for (const char* text :
       {"", "2017", "2017-7-14", "2017-13-01", "2017-02-29", "2017-07-14 25:00", "2017-07-14 24:30",
        "2017-07-14 24:00:01", "14/07/2017", "2017-07-14 03:02:12 o'clock", "2017-07-14X",
        "2017-07-14T03:02:12.Z", "2017-07-14+02"})
    EXPECT_FALSE(parse_iso_time(text).has_value()) << text;
}

TEST(TimePattern, AsStrptime) {
  EXPECT_EQ(TimePattern("%m/%d/%Y %H:%M").parse("07/14/2017 03:02"), (Time{1'500'001'320, 0}));
  EXPECT_EQ(TimePattern("%a %b %d %H:%M:%S %z %Y").parse("Fri Jul 14 05:02:12 +0200 2017"),
            (Time{1'500'001'332, 0}));
  EXPECT_EQ(TimePattern("%d.%m.%Y %H:%M:%S.%f").parse("14.07.2017 03:02:12.25"),
            (Time{1'500'001'332, 250'000'000}));
  EXPECT_FALSE(TimePattern("%Y-%m-%d").parse("2017-07-14 03:02"));
  EXPECT_FALSE(TimePattern("%Y").parse(std::string(500, '1')));
  EXPECT_THROW(TimePattern("%d %b"), Error);           // no year: no order
  EXPECT_THROW(TimePattern("%Y-%m-%d %I:%M"), Error);  // morning or evening
}

TEST(TimeUnit, BySize) {
  using preprocess::date_text;
  using preprocess::TimeUnit;
  using preprocess::unit_of;
  for (const auto& [value, unit] :
       {std::pair{1'500'001'332l, TimeUnit::seconds}, std::pair{1'500'001'332'000l, TimeUnit::milliseconds},
        std::pair{1'500'001'332'000'000l, TimeUnit::microseconds},
        std::pair{1'500'001'332'000'000'000l, TimeUnit::nanoseconds}}) {
    EXPECT_EQ(unit_of({value, 0}), unit);
    EXPECT_EQ(date_text({value, 0}, unit), "2017-07-14");
  }
  EXPECT_EQ(unit_of({5, 0}), TimeUnit::none);
  for (const std::int64_t value : {20'170'714l, 201'707'140'302l, 20'170'714'030'212l}) {
    EXPECT_EQ(unit_of({value, 0}), TimeUnit::calendar) << value;
    EXPECT_EQ(date_text({value, 0}, TimeUnit::calendar), "2017-07-14");
  }
  EXPECT_EQ(unit_of({20'171'314, 0}), TimeUnit::none);
  EXPECT_EQ(date_text({5, 0}, TimeUnit::none), "5");
  EXPECT_EQ(date_text({-1, 0}, TimeUnit::seconds), "1969-12-31");
  EXPECT_EQ(date_text({INT64_MIN, 0}, TimeUnit::seconds).empty(), false);
}

std::string with_times(const std::vector<std::string>& times) {
  std::string text = "user_id,item_id,rating,timestamp\n";
  for (std::size_t i = 0; i < times.size(); ++i) text += fmt::format("u,i{},3,{}\n", i, times[i]);
  return text;
}

TEST(Times, OrderAndSummary) {
  EXPECT_EQ(run_text(with_times({"2017-07-14", "2018-01-01", "2017-12-31"})).test_of("u"), "i1");
  EXPECT_THAT(summary_of_text(with_times({"2017-07-14", "2018-01-01", "2017-12-31"})),
              HasSubstr("times: 2017-07-14 to 2018-01-01 (dates)"));
  EXPECT_THAT(summary_of_text(with_times({"1500000000123", "1600000000000"})),
              HasSubstr("times: 2017-07-14 to 2020-09-13 (milliseconds)"));
  EXPECT_THAT(summary_of_text(with_times({"1500000000.5", "1600000000.25"})),
              HasSubstr("times: 2017-07-14 to 2020-09-13 (seconds)"));
  EXPECT_THAT(summary_of_text(with_times({"5", "7"})), HasSubstr("times: 5 to 7 (numbers)"));
  ReadOptions reading;
  reading.time_format = "%d.%m.%y";
  EXPECT_EQ(run_text(with_times({"02.01.18", "31.12.17"}), reading).test_of("u"), "i0");
}

TEST(Times, OthersAreRefusedWithTheRemedy) {
  EXPECT_THAT(error_of_text(with_times({"12/1/2010 8:26", "12/2/2010 8:26"}), ReadOptions{}),
              AllOf(HasSubstr("'12/1/2010 8:26'"), HasSubstr("--time_format")));
  EXPECT_THAT(error_of_text(with_times({"2017-07-14", "2017-07-15", "12"}), ReadOptions{}),
              HasSubstr("input.txt:4:"));
  EXPECT_THAT(error_of_text(with_times({"2017-07-14T01:00Z", "2017-07-14T02:00"}), ReadOptions{}),
              HasSubstr("some have none"));
  EXPECT_THAT(error_of_text(with_times({"1500000000", "1600000000000"}), ReadOptions{}),
              HasSubstr("mixes seconds and milliseconds"));
  EXPECT_THAT(summary_of_text(with_times({"0", "1600000000000"})),
              HasSubstr("is 0 in 1 of the first 2 rows"));
}

// user,item,time,rating without a header: times stand where ratings are expected.
TEST(Times, RatingsAreNotTakenForTimes) {
  std::string text;
  for (int i = 0; i < 24; ++i)
    text += fmt::format("{},{},{},{}\n", i % 4, i, 1'500'000'000 + 37 * i, i % 5 + 1);
  EXPECT_THAT(error_of_text(text, ReadOptions{}),
              AllOf(HasSubstr("column 4 (values 1 to 5, 5 different ones in 24 rows) may not hold times"),
                    HasSubstr("--time_column 3"), HasSubstr("--time none")));
  ReadOptions reading;
  reading.time_column = "3";
  EXPECT_THAT(summary_of_text(text, reading), HasSubstr("time: column 3, rating: column 4"));
  reading.time_column = "4";
  EXPECT_THAT(summary_of_text(text, reading), HasSubstr("warning: column 4 (values 1 to 5"));
}

TEST(Times, FewValuesAreQuestioned) {
  std::string years = "user_id,item_id,timestamp\n", equal = years, days = years;
  for (int i = 0; i < 60; ++i) {
    years += fmt::format("{},{},{}\n", i % 5, i, 2010 + i % 6);
    equal += fmt::format("{},{},{}\n", i % 5, i, 1'500'000'000);
    days += fmt::format("{},{},2017-07-{}\n", i % 5, i, 14 + i % 2);
  }
  EXPECT_THAT(error_of_text(years, ReadOptions{}), HasSubstr("it has few different values"));
  EXPECT_THAT(error_of_text(equal, ReadOptions{}),
              AllOf(HasSubstr("all times in column 'timestamp' are the same (1500000000)"),
                    HasSubstr("--time none")));
  // Dates are times, if coarse ones.
  EXPECT_EQ(error_of_text(days, ReadOptions{}), "");
  EXPECT_THAT(summary_of_text("user_id,item_id,date\na,x,2017-07-14\na,y,2017-07-14\n"),
              HasSubstr("warning: all times in column 'date' are the same (2017-07-14)"));
}

TEST(Times, NoneDrawsTheHeldOutItem) {
  std::string text = "user_id,item_id,rating\n";
  for (int i = 0; i < 400; ++i) text += fmt::format("{},{},{}\n", i % 20, i / 20, i % 5);
  ReadOptions reading;
  reading.time = preprocess::TimeSource::none;
  const Data data = run_text(text, reading);
  EXPECT_EQ(run_text(text, reading), data);
  // Not always the last or the first row of a user.
  EXPECT_GT(std::set<std::uint32_t>(data.test.begin(), data.test.end()).size(), 5u);
  for (std::size_t user = 0; user < 20; ++user) EXPECT_EQ(data.train[user].size(), 19u);
  EXPECT_THAT(summary_of_text(text, reading),
              AllOf(HasSubstr("time: none"), Not(HasSubstr("warning: no column"))));
  // Where no column could be meant, that is what happens, with a word about it.
  EXPECT_EQ(run_text(text), data);
  EXPECT_THAT(summary_of_text(text), HasSubstr("warning: no column holds times"));

  const TemporaryDirectory directory;
  write_text(directory / "r.csv", text);
  auto options = small_options(directory / "r.csv", directory / "out");
  options.seed = 2;
  EXPECT_NE(run(options).test, data.test);
  EXPECT_EQ(open_master(options.output).string_attribute("held_out"), "drawn");
}

TEST(Times, AColumnThatMayHoldThemIsNotPassedOver) {
  EXPECT_THAT(error_of_text("user_id,item_id,when\na,x,1500000000\na,y,1500000001\n", ReadOptions{}),
              AllOf(HasSubstr("column 'when' may hold the times"), HasSubstr("--time_column when"),
                    HasSubstr("--time none")));
}

// Some public files know the place of the last row only: the others have time 0.
TEST(Times, ZerosBesideTimesKeepTheOrderOfTheFile) {
  std::string text = "user_id,item_id,timestamp\n";
  for (int user = 0; user < 40; ++user)
    for (int item = 0; item < 3; ++item)
      text += fmt::format("{},{},{}\n", user, item, item == 1 ? "978300760" : "0");
  EXPECT_EQ(run_text(text, ReadOptions{}).test_of("7"), "1");
  const std::string summary = summary_of_text(text, ReadOptions{});
  EXPECT_THAT(summary, HasSubstr("is 0 in 80 of the first 120 rows"));
  EXPECT_EQ(summary.find("warning: the first time is 0"), std::string::npos) << summary;  // once is enough
}

}  // namespace
}  // namespace neumf::test
