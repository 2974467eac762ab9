#include "options.hpp"

#include <sched.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <limits>
#include <ostream>
#include <thread>

#include "neumf/core/error.hpp"

namespace neumf::preprocess {
namespace {

namespace po = boost::program_options;

// The processors that this process may use, which a batch system may have restricted.
std::size_t available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0)
    return static_cast<std::size_t>(std::max(CPU_COUNT(&set), 1));
  return std::max(std::thread::hardware_concurrency(), 1u);
}

po::options_description describe() {
  po::options_description options("Options", 100, 50);
  auto add = options.add_options();
  add("input,i", po::value<std::string>()->value_name("FILE"),
      "ratings file, plain or compressed, or a MovieLens .zip as downloaded");
  add("synthetic", po::value<std::string>()->value_name("NAME"),
      "instead of --input: ml-20m, ml-1m or USERSxITEMSxINTERACTIONS, generated");
  add("output,o", po::value<std::string>()->value_name("DIR"), "directory of the data set");
  add("format", po::value<std::string>()->default_value("auto")->value_name("NAME"),
      "auto, ml-20m, ml-1m, ml-100k, csv or ncf");
  add("shards", po::value<std::int64_t>()->default_value(1)->value_name("N"),
      "number of files; one for each rank is the fast case");
  add("valid_negative", po::value<std::int64_t>()->value_name("N"),
      "test negatives of each user (default 100)");
  add("test_negatives", po::value<std::string>()->value_name("FILE"),
      "read the test negatives, lines '(user,item)<TAB>item<TAB>...' with original ids, instead of drawing "
      "them");
  add("min_ratings", po::value<std::int64_t>()->value_name("N"),
      "drop users with fewer ratings (default 20)");
  add("seed,s", po::value<std::int64_t>()->default_value(1)->value_name("N"),
      "of the test negatives and of synthetic data");
  add("threads", po::value<std::int64_t>()->value_name("N"),
      "default: all processors; no effect on the result");
  add("overwrite", po::bool_switch(), "replace a data set in DIR");
  add("help,h", po::bool_switch(), "print this text");
  add("version,V", po::bool_switch(), "print the version");
  return options;
}

// "--min-ratings=5" -> "--min_ratings=5"; values stay as they are.
std::string with_underscores(std::string argument) {
  if (!argument.starts_with("--")) return argument;
  const auto end =
      argument.begin() + static_cast<std::ptrdiff_t>(std::min(argument.find('='), argument.size()));
  std::replace(argument.begin() + 2, end, '-', '_');
  return argument;
}

std::uint64_t number(const po::variables_map& values, const char* name, std::int64_t least,
                     std::int64_t most) {
  const auto value = values[name].as<std::int64_t>();
  require(value >= least && value <= most, "--{} is {}, but must be {} to {}", name, value, least, most);
  return static_cast<std::uint64_t>(value);
}

po::variables_map read(const std::vector<std::string>& arguments) {
  std::vector<std::string> normalised;
  std::transform(arguments.begin(), arguments.end(), std::back_inserter(normalised), with_underscores);
  po::variables_map values;
  try {
    // A prefix of a name is not accepted: scripts would break when an option is added.
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    const auto options = describe();
    const po::positional_options_description no_positional;
    po::store(
        po::command_line_parser(normalised).options(options).positional(no_positional).style(style).run(),
        values);
  } catch (const po::error& error) {
    fail("{}; see --help", error.what());
  }
  return values;
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

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  const po::variables_map values = read(arguments);
  Options options;
  options.help = values["help"].as<bool>();
  options.version = values["version"].as<bool>();
  if (options.help || options.version) return options;

  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  if (values.count("input") > 0) options.input = values["input"].as<std::string>();
  if (values.count("synthetic") > 0) options.synthetic = values["synthetic"].as<std::string>();
  if (values.count("output") > 0) options.output = values["output"].as<std::string>();
  if (values.count("test_negatives") > 0) options.test_negatives = values["test_negatives"].as<std::string>();
  options.format = parse_format_name(values["format"].as<std::string>());
  options.shards = number(values, "shards", 1, 9999);
  options.seed = number(values, "seed", 0, most);
  options.overwrite = values["overwrite"].as<bool>();
  if (values.count("valid_negative") > 0)
    options.valid_negative = number(values, "valid_negative", 1, 1'000'000);
  if (values.count("min_ratings") > 0) options.min_ratings = number(values, "min_ratings", 1, most);
  options.threads = values.count("threads") > 0 ? number(values, "threads", 1, 1024) : available_processors();
  check_combination(options);
  return options;
}

void print_help(std::ostream& out) {
  out << "Usage: neumf-preprocess --input FILE --output DIR [options]\n"
         "       neumf-preprocess --synthetic NAME --output DIR [options]\n\n"
         "Turns a file of ratings into a data set for neumf: HDF5 shards of users and dataset.h5.\n"
         "Every rating counts as an interaction. Each user's latest one is held out for the test.\n\n"
      << describe()
      << "\nFormats:\n"
         "  ml-20m   userId,movieId,rating,timestamp   (also ml-25m, ml-32m, ml-latest)\n"
         "  ml-1m    user::item::rating::timestamp     (also ml-10m)\n"
         "  ml-100k  user item rating timestamp, separated by tabs\n"
         "  csv      a header that names user_id, item_id and timestamp; other columns are ignored\n"
         "  ncf      PREFIX.train.rating, PREFIX.test.rating, PREFIX.test.negative; --input is PREFIX\n";
}

}  // namespace neumf::preprocess
