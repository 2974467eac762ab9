#include "options.hpp"

#include <sched.h>

#include <algorithm>
#include <thread>

#include "help.hpp"
#include "neumf/config/option_table.hpp"
#include "neumf/core/error.hpp"

namespace neumf {

template <>
struct OptionValue<preprocess::FormatName> : NamedOption<preprocess::FormatName> {
  static preprocess::FormatName read(const std::string& text) { return preprocess::parse_format_name(text); }
};

namespace preprocess {
namespace {

// The processors that this process may use, which a batch system may have restricted.
std::size_t available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0)
    return static_cast<std::size_t>(std::max(CPU_COUNT(&set), 1));
  return std::max(std::thread::hardware_concurrency(), 1u);
}

// The data set's attributes are signed.
constexpr Range at_least_signed(double least) {
  return at_least(least).below(0x1p63);
}

void check_combination(const Options& options) {
  require(options.input.empty() != options.synthetic.empty(), "{}; see --help",
          options.input.empty() ? "give --input FILE or --synthetic NAME"
                                : "give --input or --synthetic, not both");
  require(!options.output.empty(), "give --output DIR; see --help");
  require(options.synthetic.empty() || options.test_negatives.empty(),
          "--test_negatives does not go with --synthetic");
  require(options.synthetic.empty() || options.format == FormatName::automatic,
          "--format does not go with --synthetic");
}

// Every option; see option_table.hpp for what can be said of one.
void declare(OptionTable& table, Options& o) {
  // clang-format off
  table.add("input,i", o.input, "ratings file, plain or compressed, or a MovieLens .zip as downloaded", {.value = "FILE"});
  table.add("synthetic", o.synthetic, "instead of --input: ml-20m, ml-1m or USERSxITEMSxINTERACTIONS, generated", {.value = "NAME"});
  table.add("output,o", o.output, "directory of the data set", {.value = "DIR"});
  table.add("format", o.format, "auto, ml-20m, ml-1m, ml-100k, csv or ncf", {.value = "NAME"});
  table.add("shards", o.shards, "number of files; one for each rank is the fast case", {.range = at_least(1).at_most(9999), .value = "N"});
  table.add("valid_negative", o.valid_negative, "test negatives of each user (default 100)", {.range = at_least(1).at_most(1'000'000), .value = "N"});
  table.add("test_negatives", o.test_negatives, "read the test negatives, lines '(user,item)<TAB>item<TAB>...' with original ids, instead of drawing them", {.value = "FILE"});
  table.add("min_ratings", o.min_ratings, "drop users with fewer ratings (default 20)", {.range = at_least_signed(1), .value = "N"});
  table.add("seed,s", o.seed, "of the test negatives and of synthetic data", {.range = at_least_signed(0), .value = "N"});
  table.add("threads", o.threads, "default: all processors; no effect on the result", {.range = at_least(1).at_most(1024), .value = "N", .shown = ""});
  table.add("overwrite", o.overwrite, "replace a data set in DIR");
  // clang-format on
  table.add_common("version,V");
  table.check([&o] { check_combination(o); });
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  options.threads = available_processors();
  OptionTable table("neumf-preprocess", "--{} is {}: {}");
  declare(table, options);
  table.read(arguments);
  options.help = table.given("help");
  options.version = table.given("version");
  return options;
}

OptionTexts option_texts() {
  Options options;
  OptionTable table("neumf-preprocess");
  declare(table, options);
  return table.texts();
}

}  // namespace preprocess
}  // namespace neumf
