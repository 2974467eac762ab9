#include "neumf/config/option_table.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdint>
#include <fstream>

#include "temporary_directory.hpp"

namespace neumf {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::ThrowsMessage;

enum class Colour { red, green, blue };
constexpr auto value_names(Colour) {
  return std::to_array<NamedValue<Colour>>(
      {{"red", Colour::red}, {"green", Colour::green}, {"blue", Colour::blue}});
}

// COLUMN=VALUE[,VALUE]: a type of the test's own.
struct Filter {
  std::string column;
  std::vector<std::string> values;
};

}  // namespace

template <>
struct OptionValue<Filter> {
  static Filter read(const std::string& text) {
    const auto equals = text.find('=');
    require(equals != text.npos && equals > 0, "must be of the form COLUMN=VALUE[,VALUE]");
    Filter filter{text.substr(0, equals), {}};
    std::string value;
    for (const char c : text.substr(equals + 1) + ",")
      if (c != ',')
        value += c;
      else
        filter.values.push_back(std::exchange(value, ""));
    return filter;
  }
  static std::string write(const Filter& filter) { return filter.column + '=' + joined(filter.values, ","); }
};

namespace {

struct Settings {
  int epochs = 30;
  std::uint32_t count = 4;
  std::uint64_t seed = 1;
  std::int64_t size = 100;
  float rate = 0.0045f;
  double share = 0.5;
  bool fast = false;
  std::string name, title = "untitled";
  std::filesystem::path directory;
  Colour colour = Colour::green;
  std::optional<std::size_t> negatives;
  std::optional<std::string> report;
  std::vector<std::filesystem::path> inputs;
  std::vector<int> ks;
  std::vector<std::int64_t> layers{256, 64};
  std::vector<Colour> colours;
  std::vector<Filter> keep;
};

// A table with an option of every kind.
struct Example {
  Settings settings;
  OptionTable table{"neumf example"};

  Example() {
    auto& s = settings;
    table.section("First");
    table.add("epochs,e", s.epochs, "number of epochs", {.range = at_least(1), .shapes_result = true});
    table.add("count", s.count, "how many");
    table.add("seed", s.seed, "seed");
    table.add("size", s.size, "size", {.range = at_least(1).at_most(9999)});
    table.add("rate", s.rate, "rate", {.range = above(0), .shapes_result = true});
    table.add("share", s.share, "share", {.range = at_least(0).below(1)});
    table.section("Second");
    table.add("fast", s.fast, "faster");
    table.add("name", s.name, "of the run");
    table.add("title", s.title, "of the report");
    table.add("directory,d", s.directory, "where");
    table.add("colour", s.colour, "red or green", {.among = {"red", "green"}});
    table.add("negatives", s.negatives, "negatives (default 100)", {.value = "N"});
    table.add("report", s.report, "report", {.value = "FILE", .implied = "report.txt"});
    table.add("input,i", s.inputs, "inputs", {.value = "FILE", .repeated = true});
    table.add("ks", s.ks, "further K", {.range = at_least(1)});
    table.add("layers", s.layers, "sizes", {.value = "SIZES"});
    table.add("colours", s.colours, "several");
    table.add("keep", s.keep, "rows to keep", {.value = "COLUMN=VALUE[,VALUE]", .repeated = true});
    table.add_common("version");
    table.check([&s] { require(s.seed != 13, "--seed 13 brings bad luck"); });
  }
};

Settings read(const std::vector<std::string>& arguments) {
  Example example;
  example.table.read(arguments);
  return example.settings;
}

void expect_error(const std::vector<std::string>& arguments, const std::string& message) {
  EXPECT_THAT([&] { read(arguments); }, ThrowsMessage<Error>(HasSubstr(message))) << joined(arguments, " ");
}

TEST(OptionTable, ReadsEveryKindOfValue) {
  const Settings s = read({"-e",        "3",      "--count=7",   "--size", "+5",         "--rate",
                           "1e-3",      "--fast", "--title",     "a b, c", "-d",         "x/y",
                           "--colour",  "red",    "--negatives", "9",      "--input",    "a b.csv",
                           "c,d.csv",   "--ks",   "5,10",        "20",     "-i",         "e.csv",
                           "--colours", "blue",   "red",         "--keep", "rating=4,5", "--keep=type=view",
                           "--report"});
  EXPECT_EQ(s.epochs, 3);
  EXPECT_EQ(s.count, 7u);
  EXPECT_EQ(s.size, 5);
  EXPECT_EQ(s.rate, 1e-3f);
  EXPECT_TRUE(s.fast);
  EXPECT_EQ(s.title, "a b, c");
  EXPECT_EQ(s.directory, "x/y");
  EXPECT_EQ(s.colour, Colour::red);
  EXPECT_EQ(s.negatives, 9u);
  EXPECT_THAT(s.inputs, ElementsAre("a b.csv", "c,d.csv", "e.csv"));
  EXPECT_THAT(s.ks, ElementsAre(5, 10, 20));
  EXPECT_THAT(s.colours, ElementsAre(Colour::blue, Colour::red));
  ASSERT_EQ(s.keep.size(), 2u);
  EXPECT_EQ(s.keep[0].column, "rating");
  EXPECT_THAT(s.keep[0].values, ElementsAre("4", "5"));
  EXPECT_EQ(s.report, "report.txt");
}

TEST(OptionTable, LeavesOtherFieldsAlone) {
  const Settings s = read({});
  EXPECT_EQ(s.epochs, 30);
  EXPECT_EQ(s.title, "untitled");
  EXPECT_FALSE(s.negatives.has_value());
  EXPECT_FALSE(s.report.has_value());
  EXPECT_THAT(s.layers, ElementsAre(256, 64));
  EXPECT_THAT(s.inputs, IsEmpty());
}

TEST(OptionTable, LetsTheLastOccurrenceCountUnlessRepeated) {
  const Settings s = read({"--epochs", "3", "--layers", "8", "4", "-e", "4", "--layers", "2", "--input", "a",
                           "--input", "b", "--report=x", "--report=y"});
  EXPECT_EQ(s.epochs, 4);
  EXPECT_THAT(s.layers, ElementsAre(2));
  EXPECT_THAT(s.inputs, ElementsAre("a", "b"));
  EXPECT_EQ(s.report, "y");
}

TEST(OptionTable, KnowsWhatWasGiven) {
  Example example;
  example.table.read({"--epochs", "30"});
  EXPECT_TRUE(example.table.given("epochs"));
  EXPECT_FALSE(example.table.given("layers"));
  EXPECT_THROW(example.table.given("nonsense"), Error);
}

TEST(OptionTable, RefusesNonsenseNumbers) {
  expect_error({"--epochs", "0"}, "--epochs 0: must be at least 1");
  expect_error({"--epochs", "many"}, "--epochs many: 'many' is not a whole number");
  expect_error({"--epochs", "3.5"}, "'3.5' is not a whole number");
  expect_error({"--epochs", "3 "}, "'3 ' is not a whole number");
  expect_error({"--epochs", "1e3"}, "'1e3' is not a whole number");
  expect_error({"--epochs", "99999999999"}, "--epochs 99999999999: must be 1 to 2147483647");
  expect_error({"--epochs", ""}, "'' is not a whole number");
  expect_error({"--count", "-1"}, "--count -1: must be 0 to 4294967295");
  expect_error({"--count", "4294967296"}, "must be 0 to 4294967295");
  expect_error({"--seed", "-1"}, "--seed -1: must be at least 0");
  expect_error({"--seed", "18446744073709551616"}, "below 18446744073709551616");
  EXPECT_EQ(read({"--seed", "18446744073709551615"}).seed, UINT64_MAX);
  expect_error({"--size", "10000"}, "--size 10000: must be 1 to 9999");
  expect_error({"--size", "-9223372036854775809"}, "must be 1 to 9999");
  expect_error({"--rate", "nan"}, "--rate nan: must be above 0 and finite");
  expect_error({"--rate", "inf"}, "--rate inf: must be above 0 and finite");
  expect_error({"--rate", "-inf"}, "--rate -inf: must be above 0");
  expect_error({"--rate", "0"}, "--rate 0: must be above 0");
  expect_error({"--rate", "1e400"}, "'1e400' is too large or too small");
  expect_error({"--rate", "1e39"}, "'1e39' is too large or too small");
  expect_error({"--rate", "1e-60"}, "'1e-60' is too large or too small");
  expect_error({"--rate", "0.1x"}, "'0.1x' is not a number");
  expect_error({"--rate", "0x10"}, "'0x10' is not a number");
  expect_error({"--rate", "0,1"}, "'0,1' is not a number");
  expect_error({"--share", "nan"}, "--share nan: must be at least 0 and below 1");
  expect_error({"--share", "1"}, "--share 1: must be at least 0 and below 1");
  expect_error({"--ks", "5", "0"}, "--ks 0: must be at least 1");
  expect_error({"--ks", "5", "x"}, "'x' is not a whole number");
  expect_error({"--ks", ""}, "--ks: no value is given");
  expect_error({"--negatives", "-3"}, "--negatives -3: must be at least 0");
}

TEST(OptionTable, SaysWhatIsAllowed) {
  expect_error({"--colour", "pink"}, "--colour pink: must be one of red, green");
  expect_error({"--colour", "blue"}, "--colour blue: must be one of red, green");
  expect_error({"--colours", "red", "pink"}, "--colours pink: must be one of red, green, blue");
  expect_error({"--keep", "rating"}, "--keep rating: must be of the form COLUMN=VALUE");
  expect_error({"--seed", "13"}, "bad luck");
  expect_error({"--nonsense"}, "neumf example --help lists the options");
  expect_error({"--epo", "3"}, "epo");  // no guessing
  expect_error({"stray"}, "positional");
  expect_error({"--epochs"}, "epochs");
  expect_error({"--fast=yes"}, "fast");
}

TEST(OptionTable, AsksForWhatMustBeGiven) {
  Settings settings;
  OptionTable table("neumf example");
  table.add("name", settings.name, "name", {.required = "name the run"});
  table.add_common();
  EXPECT_THAT([&] { table.read({}); }, ThrowsMessage<Error>("--name is missing: name the run"));
  EXPECT_NO_THROW(table.read({"--help"}));
  EXPECT_NO_THROW(read({"--epochs", "0", "--help"}));
  EXPECT_NO_THROW(table.read({"--name", "x"}));
}

TEST(OptionTable, ShowsAnErrorInTheProgramsWords) {
  Settings settings;
  OptionTable table("other", "--{} is {}, but {}");
  table.add("epochs", settings.epochs, "epochs", {.range = at_least(1)});
  EXPECT_THAT(
      [&] {
        table.read({"--epochs", "0"});
      },
      ThrowsMessage<Error>("--epochs is 0, but must be at least 1"));
}

TEST(OptionTable, DescribesItselfInHelp) {
  const Example example;
  const std::string help = format_options(example.table.texts());
  for (const char* part :
       {"First:\n", "Second:\n", "-e [ --epochs ] arg (=30)", "--rate arg (=0.0045)",
        "--layers SIZES (=256 64)", "-d [ --directory ] PATH ", "--colour arg (=green)", "--negatives N ",
        "--fast  ", "--config FILE", "-h [ --help ]", "--title arg (=untitled)", "--version", "rows to keep"})
    EXPECT_THAT(help, HasSubstr(part));
  const auto& texts = example.table.texts();
  const auto colour =
      std::find_if(texts.begin(), texts.end(), [](const auto& t) { return t.name == "colour"; });
  ASSERT_NE(colour, texts.end());
  EXPECT_THAT(colour->names, ElementsAre("red", "green"));
  EXPECT_THAT(example.table.shaping(), ElementsAre("epochs", "rate"));
}

class OptionFile : public testing::Test {
 protected:
  // Reads `text` as the file of --config, with further arguments.
  Settings read_file(const std::string& text, std::vector<std::string> arguments = {}) {
    const auto path = dir_ / "run.ini";
    std::ofstream(path) << text;
    arguments.insert(arguments.end(), {"--config", path.string()});
    return read(arguments);
  }
  void expect_file_error(const std::string& text, const std::string& message) {
    EXPECT_THAT([&] { read_file(text); },
                ThrowsMessage<Error>(AllOf(HasSubstr("run.ini"), HasSubstr(message))))
        << text;
  }
  test::TemporaryDirectory dir_;
};

TEST_F(OptionFile, IsReadBackAsItWasWritten) {
  Example example;
  example.table.read({"--epochs",    "7",           "--seed",     "18446744073709551615",
                      "--rate",      "0.0031",      "--share",    "0.30000000000000004",
                      "--fast",      "--name",      " #1 \"x\" ", "--title=; \\n",
                      "--directory", "exp #7/a b ", "--colour",   "red",
                      "--negatives", "0",           "--report",   "--input",
                      "a,b",         "c #d",        "--ks",       "1",
                      "2",           "--layers",    "3,4,5",      "--colours",
                      "blue",        "green",       "--keep",     "a=1,2",
                      "--keep",      "b=x # y"});
  const std::string ini = example.table.ini();
  const Settings back = read_file("# a comment\n" + ini);
  EXPECT_EQ(back.seed, UINT64_MAX);
  EXPECT_EQ(back.share, 0.30000000000000004);
  EXPECT_EQ(back.name, " #1 \"x\" ");
  EXPECT_EQ(back.title, "; \\n");
  EXPECT_EQ(back.directory, "exp #7/a b ");
  EXPECT_THAT(back.inputs, ElementsAre("a,b", "c #d"));
  EXPECT_EQ(back.negatives, 0u);
  Example again;
  again.table.read({"--config", (dir_ / "run.ini").string()});
  EXPECT_EQ(again.table.ini(), ini);
  EXPECT_THAT(ini, Not(HasSubstr("config")));
  EXPECT_THAT(ini, Not(HasSubstr("help")));
}

TEST_F(OptionFile, LosesToTheCommandLine) {
  const Settings s =
      read_file("epochs = 5\ninput = a\ninput = b\nlayers = 8 4\nfast = false\n", {"-e", "6", "-i", "c"});
  EXPECT_EQ(s.epochs, 6);
  EXPECT_THAT(s.inputs, ElementsAre("c"));
  EXPECT_THAT(s.layers, ElementsAre(8, 4));
}

TEST_F(OptionFile, KeepsAnEmptyTextThatIsNotTheDefault) {
  EXPECT_EQ(read_file("title =\n").title, "");
  Example example;
  example.table.read({"--title", ""});
  EXPECT_THAT(example.table.settings(), testing::Contains(Pair("title", "")));
}

TEST_F(OptionFile, SaysWhatIsWrong) {
  expect_file_error("nonsense = 1\n", "line 1: there is no option 'nonsense'");
  expect_file_error("epo = 1\n", "there is no option 'epo'");
  expect_file_error("config = other.ini\n", "there is no option 'config'");
  expect_file_error("epochs = 1\nepochs = 2\n", "line 2: 'epochs' is given a second time");
  expect_file_error("epochs = 0\n", "--epochs 0: must be at least 1");
  expect_file_error("rate = nan\n", "--rate nan");
  expect_file_error("fast = maybe\n", "--fast maybe: must be true or false");
  expect_file_error("epochs\n", "line 1: 'epochs' is not of the form");
  EXPECT_THAT(
      [&] {
        read({"--config", dir_.path().string()});
      },
      ThrowsMessage<Error>(HasSubstr("cannot read this file")));
  EXPECT_EQ(read_file("epochs = 5   # five\n").epochs, 5);
}

TEST(OptionTable, KeepsTheDashesOfValues) {
  std::string user;
  int batch_size = 0;
  OptionTable table("test");
  table.add("users", user, "");
  table.add("batch_size", batch_size, "");
  table.read({"--batch-size", "3", "--users", "--0a-bC-d"});
  EXPECT_EQ(user, "--0a-bC-d");
  EXPECT_EQ(batch_size, 3);
}

}  // namespace
}  // namespace neumf
