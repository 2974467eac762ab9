// Parquet and Arrow IPC: the types of columns, missing values, filters, row groups, and damaged files.
#include "columnar.hpp"
#include "matchers.hpp"

#ifdef NEUMF_WITH_ARROW
#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/ipc/writer.h>
#include <parquet/arrow/writer.h>

#include "neumf/core/error.hpp"
#include "preprocess.hpp"
#endif

namespace neumf::test {
namespace {

#ifndef NEUMF_WITH_ARROW

TEST(Columnar, IsSkippedWithoutArrow) {
  EXPECT_FALSE(preprocess::reads_columnar());
  GTEST_SKIP() << "skipped: neumf was built without Arrow";
}

#else

using preprocess::FormatName;
using preprocess::ReadOptions;
using Column = std::pair<std::string, std::shared_ptr<arrow::Array> >;

void check(const arrow::Status& status) {
  require(status.ok(), "Arrow: {}", status.ToString());
}

// `null` where the value is missing.
template <class Builder, class T>
std::shared_ptr<arrow::Array> array(Builder builder, const std::vector<std::optional<T> >& values) {
  for (const auto& value : values) {
    if (!value)
      check(builder.AppendNull());
    else if constexpr (std::is_same_v<T, std::int64_t>)
      check(builder.Append(static_cast<typename Builder::value_type>(*value)));
    else
      check(builder.Append(*value));
  }
  return builder.Finish().ValueOrDie();
}
template <class Builder, class T>
std::shared_ptr<arrow::Array> array(const std::vector<std::optional<T> >& values) {
  return array(Builder(), values);
}
template <class Builder, class T>
std::shared_ptr<arrow::Array> typed(const std::shared_ptr<arrow::DataType>& type,
                                    const std::vector<std::optional<T> >& values) {
  return array(Builder(type, arrow::default_memory_pool()), values);
}

using Numbers = std::vector<std::optional<std::int64_t> >;
using Texts = std::vector<std::optional<std::string> >;

std::shared_ptr<arrow::Array> numbers(const Numbers& values) {
  return array<arrow::Int64Builder>(values);
}
std::shared_ptr<arrow::Array> texts(const Texts& values) {
  return array<arrow::StringBuilder>(values);
}
std::shared_ptr<arrow::Array> dictionary(const Texts& values) {
  return array<arrow::StringDictionaryBuilder>(values);
}
std::shared_ptr<arrow::Array> timestamps(arrow::TimeUnit::type unit, const std::string& zone,
                                         const Numbers& values) {
  return typed<arrow::TimestampBuilder>(arrow::timestamp(unit, zone), values);
}

std::shared_ptr<arrow::Table> table(const std::vector<Column>& columns) {
  std::vector<std::shared_ptr<arrow::Field> > fields;
  std::vector<std::shared_ptr<arrow::Array> > arrays;
  for (const auto& [name, values] : columns) {
    fields.push_back(arrow::field(name, values->type()));
    arrays.push_back(values);
  }
  return arrow::Table::Make(arrow::schema(fields), arrays);
}

void write_parquet(const std::filesystem::path& path, const std::vector<Column>& columns,
                   std::int64_t rows_of_group = 2) {
  const auto out = arrow::io::FileOutputStream::Open(path.string()).ValueOrDie();
  const auto properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
  check(parquet::arrow::WriteTable(*table(columns), arrow::default_memory_pool(), out, rows_of_group,
                                   parquet::default_writer_properties(), properties));
  check(out->Close());
}

void write_ipc(const std::filesystem::path& path, const std::vector<Column>& columns, bool stream) {
  const auto out = arrow::io::FileOutputStream::Open(path.string()).ValueOrDie();
  const auto rows = table(columns);
  const auto writer = stream ? arrow::ipc::MakeStreamWriter(out, rows->schema()).ValueOrDie()
                             : arrow::ipc::MakeFileWriter(out, rows->schema()).ValueOrDie();
  check(writer->WriteTable(*rows, 2));
  check(writer->Close());
  check(out->Close());
}

// Of user 5 item 30 is the latest, of user 70000 item 20; user 70000 comes first in the file.
const Numbers user_numbers = {70000, 70000, 5, 5, 5}, item_numbers = {10, 20, 30, 10, 20};
const Numbers seconds = {100000000, 1500000002, 1500000009, 1500000003, -200000000};

class Columnar : public testing::Test {
 protected:
  preprocess::Options options(const ReadOptions& reading = {}) const {
    auto result = small_options(directory_ / "x.parquet", directory_ / "data");
    result.reading = reading;
    result.overwrite = true;
    return result;
  }
  Data read(const std::vector<Column>& columns, const ReadOptions& reading = {}) const {
    write_parquet(directory_ / "x.parquet", columns);
    return run(options(reading));
  }
  std::string said(const std::vector<Column>& columns, const ReadOptions& reading = {}) const {
    write_parquet(directory_ / "x.parquet", columns);
    return preprocess::preprocess(options(reading));
  }
  std::string refused(const std::vector<Column>& columns, const ReadOptions& reading = {}) const {
    write_parquet(directory_ / "x.parquet", columns);
    return error_of(options(reading));
  }
  static std::vector<Column> with_users(const std::shared_ptr<arrow::Array>& users) {
    return {{"user_id", users}, {"item_id", numbers(item_numbers)}, {"timestamp", numbers(seconds)}};
  }
  static std::vector<Column> with_times(const std::shared_ptr<arrow::Array>& times) {
    return {{"user_id", numbers(user_numbers)}, {"item_id", numbers(item_numbers)}, {"timestamp", times}};
  }
  static void expect_right(const Data& data) {
    EXPECT_THAT(data.users, ElementsAre("70000", "5"));
    EXPECT_THAT(data.items, ElementsAre("10", "20", "30"));
    EXPECT_EQ(data.test_of("5"), "30");
    EXPECT_EQ(data.test_of("70000"), "20");
    EXPECT_THAT(data.train_of("5"), ElementsAre("10", "20"));
  }

  TemporaryDirectory directory_;
};

TEST_F(Columnar, IdsOfEveryType) {
  const Texts texts_of_users = {"70000", "70000", "5", "5", "5"};
  const std::vector<std::optional<double> > reals = {70000, 70000, 5, 5, 5};
  std::vector<std::optional<arrow::Decimal128> > decimals;
  for (const int value : {7000000, 7000000, 500, 500, 500}) decimals.emplace_back(value);
  for (const auto& users :
       {numbers(user_numbers), array<arrow::Int32Builder>(user_numbers),
        array<arrow::UInt64Builder>(user_numbers), array<arrow::UInt32Builder>(user_numbers),
        texts(texts_of_users), dictionary(texts_of_users), array<arrow::LargeStringBuilder>(texts_of_users),
        array<arrow::BinaryBuilder>(texts_of_users), array<arrow::StringViewBuilder>(texts_of_users),
        array<arrow::DoubleBuilder>(reals),
        typed<arrow::Decimal128Builder>(arrow::decimal128(18, 2), decimals)}) {
    SCOPED_TRACE(users->type()->ToString());
    expect_right(read(with_users(users)));
    for (const bool stream : {false, true}) {
      write_ipc(directory_ / "x.parquet", with_users(users), stream);
      expect_right(run(options()));
    }
  }
}

TEST_F(Columnar, TextsKeepZerosAndLargeNumbersTheirDigits) {
  const auto data = read({{"user_id", texts({"007", "007", "7"})},
                          {"item_id", array<arrow::UInt64Builder>(std::vector<std::optional<std::uint64_t> >{
                                          18446744073709551615u, 1u, 1u})},
                          {"timestamp", numbers({1500000000, 1500000001, 1500000002})}});
  EXPECT_THAT(data.users, ElementsAre("007", "7"));
  EXPECT_THAT(data.items, ElementsAre("18446744073709551615", "1"));
}

TEST_F(Columnar, TimesOfEveryType) {
  const auto scaled = [](std::int64_t factor) {
    Numbers values;
    for (const auto& value : seconds) values.push_back(*value * factor);
    return values;
  };
  const std::vector<std::optional<double> > reals = {1e8, 1500000002.25, 1500000009.5, 1500000003.0, -2e8};
  const Numbers days = {1000, 17361, 17362, 17361, -2000};
  for (const char* zone : {"", "Asia/Tokyo"})
    for (const auto& [unit, factor] : {std::pair{arrow::TimeUnit::SECOND, std::int64_t{1}},
                                       std::pair{arrow::TimeUnit::MILLI, std::int64_t{1000}},
                                       std::pair{arrow::TimeUnit::MICRO, std::int64_t{1'000'000}},
                                       std::pair{arrow::TimeUnit::NANO, std::int64_t{1'000'000'000}}}) {
      const auto columns = with_times(timestamps(unit, zone, scaled(factor)));
      expect_right(read(columns));
      EXPECT_THAT(said(columns), HasSubstr("times: 1963-08-31 to 2017-07-14 (dates)"));
    }
  expect_right(read(with_times(array<arrow::DoubleBuilder>(reals))));
  expect_right(read(with_times(array<arrow::Date32Builder>(days))));
  EXPECT_THAT(said(with_times(array<arrow::Date32Builder>(days))),
              HasSubstr("1964-07-11 to 2017-07-15 (dates)"));
  expect_right(read(with_times(texts(
      {"1973-03-03", "2017-07-14 02:40:02", "2017-07-14 02:40:09", "2017-07-14 02:40:03", "1963-08-31"}))));
}

// Times that differ in the last digits of their type, before and after 1970.
TEST_F(Columnar, TimesKeepEveryDigit) {
  for (const std::int64_t base :
       {std::int64_t{1'500'000'000'000'000'000}, std::int64_t{-1'500'000'000'000'000'000}}) {
    const auto data =
        read({{"user_id", numbers({1, 1, 1})},
              {"item_id", numbers({10, 20, 30})},
              {"timestamp", timestamps(arrow::TimeUnit::NANO, "", {base + 1, base + 2, base - 1})}});
    EXPECT_EQ(data.test_of("1"), "20") << base;
  }
}

TEST_F(Columnar, NullsAreMissing) {
  std::vector<Column> columns = {{"user_id", numbers({1, std::nullopt, 1})},
                                 {"item_id", dictionary({"a", "b", std::nullopt})},
                                 {"timestamp", timestamps(arrow::TimeUnit::SECOND, "", {5, 6, 7})}};
  EXPECT_THAT(refused(columns),
              AllOf(HasSubstr("x.parquet:2: the user is empty: ',b,1970-01-01 00:00:06'"),
                    HasSubstr("2 of 3 rows have no user, item or time"), HasSubstr("--missing drop")));
  ReadOptions drop;
  drop.missing = preprocess::Missing::drop;
  columns[1].second = dictionary({"a", "b", "c"});
  EXPECT_THAT(read(columns, drop).items, ElementsAre("a", "c"));
  columns[0].second = numbers({1, 1, 1});
  columns[2].second = timestamps(arrow::TimeUnit::SECOND, "", {5, std::nullopt, 7});
  EXPECT_THAT(refused(columns), HasSubstr("x.parquet:2: the time is empty"));
  columns[0].second = texts({"u", "NULL", "u"});
  columns[2].second = numbers({5, 6, 7});
  EXPECT_THAT(refused(columns), HasSubstr("the user is 'NULL'"));
}

TEST_F(Columnar, Filters) {
  const std::vector<std::optional<bool> > bought = {true, false, true, true, true};
  std::vector<Column> columns = with_users(numbers(user_numbers));
  columns.emplace_back("stars",
                       array<arrow::FloatBuilder>(std::vector<std::optional<float> >{4.5f, 5, 3, 4, 1}));
  columns.emplace_back("event", dictionary({"view", "buy", "buy", "buy", "buy"}));
  columns.emplace_back("bought", array<arrow::BooleanBuilder>(bought));
  ReadOptions reading;
  reading.min_rating = 3;
  reading.rating_column = "stars";
  EXPECT_THAT(read(columns, reading).train_of("5"), ElementsAre("10"));
  ReadOptions keep;
  keep.keep = {{"event", {"buy"}}};
  EXPECT_THAT(read(columns, keep).items, ElementsAre("20", "30", "10"));
  keep.keep = {{"bought", {"true"}}};
  EXPECT_THAT(said(columns, keep), HasSubstr("left out 1 rows whose bought is another than 'true'"));
}

TEST_F(Columnar, ColumnsByNameAndNumber) {
  ReadOptions reading;
  reading.user_column = "who";
  reading.item_column = "2";
  reading.time_column = "when";
  const std::vector<Column> columns = {
      {"when", numbers(seconds)}, {"what", numbers(item_numbers)}, {"who", numbers(user_numbers)}};
  expect_right(read(columns, reading));
  EXPECT_THAT(refused(columns), HasSubstr("--user_column"));
}

// More than one block, in row groups that are no multiples of it.
TEST_F(Columnar, LargeFilesInSmallAndLargeRowGroups) {
  constexpr std::int64_t rows = 150'000;
  Numbers users, items, times;
  for (std::int64_t row = 0; row < rows; ++row) {
    users.emplace_back(row * 7919 % 1000);
    items.emplace_back(row * 104729 % 997);
    times.emplace_back(1'000'000'000 + row * 15485863 % 1'000'003);
  }
  const std::vector<Column> columns = {
      {"user_id", numbers(users)}, {"item_id", numbers(items)}, {"timestamp", numbers(times)}};
  std::string text = "user_id,item_id,timestamp\n";
  for (std::size_t row = 0; row < users.size(); ++row)
    text += fmt::format("{},{},{}\n", *users[row], *items[row], *times[row]);
  const Data want = run_text(text);
  auto reading = options();
  for (const std::size_t threads : {1, 3})
    for (const std::int64_t rows_of_group : {std::int64_t{999}, std::int64_t{100'000}, rows}) {
      write_parquet(directory_ / "x.parquet", columns, rows_of_group);
      reading.threads = threads;
      EXPECT_TRUE(run(reading) == want) << threads << " threads, " << rows_of_group;
    }
}

TEST_F(Columnar, SeveralFilesOfSeveralKinds) {
  const auto part = [](const Numbers& users, const Numbers& items, const Numbers& times) {
    return std::vector<Column>{
        {"user_id", numbers(users)}, {"item_id", numbers(items)}, {"timestamp", numbers(times)}};
  };
  write_parquet(directory_ / "x.parquet", part({70000, 70000}, {10, 20}, {100000000, 1500000002}));
  write_ipc(directory_ / "y.arrow", part({5}, {30}, {1500000009}), false);
  write_text(directory_ / "z.csv", "user_id,item_id,timestamp\n5,10,1500000003\n5,20,-200000000\n");
  auto all = options();
  all.inputs = {directory_ / "x.parquet", directory_ / "y.arrow", directory_ / "z.csv"};
  expect_right(run(all));
  write_ipc(directory_ / "y.arrow", {{"user_id", numbers({5})}, {"item_id", numbers({30})}}, false);
  EXPECT_THAT(error_of(all), HasSubstr("y.arrow: has no times, unlike"));
}

TEST_F(Columnar, RefusesWhatIsNoIdAndNoTime) {
  const auto values = std::make_shared<arrow::Int64Builder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), values);
  for (int row = 0; row < 5; ++row) check(lists.Append()), check(values->Append(row));
  EXPECT_THAT(refused(with_users(lists.Finish().ValueOrDie())), HasSubstr("column 'user_id' holds list"));
  EXPECT_THAT(refused(with_users(timestamps(arrow::TimeUnit::SECOND, "", seconds))),
              HasSubstr("which are no ids"));
  EXPECT_THAT(refused(with_times(typed<arrow::Time32Builder>(arrow::time32(arrow::TimeUnit::SECOND),
                                                             Numbers{1, 2, 3, 4, 5}))),
              HasSubstr("which are no times"));
  ReadOptions reading;
  reading.time_format = "%Y";
  EXPECT_THAT(refused(with_times(timestamps(arrow::TimeUnit::SECOND, "", seconds)), reading),
              HasSubstr("needs no --time_format"));
  reading = {};
  reading.separator = preprocess::parse_separator("comma");
  EXPECT_THAT(refused(with_users(numbers(user_numbers)), reading), HasSubstr("typed columns"));
  // Floats cannot hold times: warned of.
  const std::vector<std::optional<float> > coarse = {1e8f, 1.5e9f, 1.6e9f, 1.5e9f, 2e8f};
  EXPECT_THAT(said(with_times(array<arrow::FloatBuilder>(coarse))), HasSubstr("numbers of 32 bits"));
}

TEST_F(Columnar, RefusesDamagedFiles) {
  for (const auto* kind : {"parquet", "file", "stream"}) {
    const auto path = directory_ / "x.parquet";
    if (kind == std::string("parquet"))
      write_parquet(path, with_users(dictionary({"a", "b", "c", "d", "e"})));
    else
      write_ipc(path, with_users(dictionary({"a", "b", "c", "d", "e"})), kind == std::string("stream"));
    const std::string whole = read_text(path);
    for (std::size_t size = 8; size < whole.size(); size += whole.size() / 13) {
      write_text(path, whole.substr(0, size));
      EXPECT_THAT(error_of(options()), HasSubstr("x.parquet")) << kind << ' ' << size;
    }
    // No byte that differs may bring it down.
    for (std::size_t at = 8; at < whole.size(); at += 1 + whole.size() / 60) {
      std::string other = whole;
      other[at] = static_cast<char>(other[at] ^ 0x55);
      write_text(path, other);
      (void)error_of(options());
    }
  }
  write_text(directory_ / "x.parquet", "user_id,item_id\n1,2\n");
  ReadOptions reading;
  reading.format = FormatName::parquet;
  EXPECT_THAT(error_of(options(reading)), HasSubstr("is no Parquet file"));
}

TEST_F(Columnar, IsNamedInAPipe) {
  write_parquet(directory_ / "x.parquet", with_users(numbers(user_numbers)));
  write_gz(directory_ / "x.gz", read_text(directory_ / "x.parquet"));
  auto zipped = options();
  zipped.inputs = {directory_ / "x.gz"};
  EXPECT_THAT(error_of(zipped), AllOf(HasSubstr("is a Parquet file"), HasSubstr("only the file itself")));
}

#endif

}  // namespace
}  // namespace neumf::test
