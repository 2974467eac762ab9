#include "neumf/config/command_line.hpp"

#include <algorithm>
#include <boost/program_options.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "neumf/core/error.hpp"

namespace po = boost::program_options;

namespace neumf {
namespace {

// --batch-size=3 and --batch_size=3 are the same.
std::string normalised(std::string argument) {
  const std::size_t first = argument.starts_with("--") ? 2 : 0;
  const std::size_t last = std::min(argument.find('='), argument.size());
  std::replace(argument.begin() + static_cast<std::ptrdiff_t>(first),
               argument.begin() + static_cast<std::ptrdiff_t>(last), '-', '_');
  return argument;
}

// Keeps each option's last occurrence, so that a script's settings can be followed by its user's.
void keep_last(std::vector<po::option>& given) {
  std::set<std::string> seen;
  const auto repeated = [&](const po::option& o) {
    return !o.string_key.empty() && !seen.insert(o.string_key).second;
  };
  given.erase(given.begin(), std::remove_if(given.rbegin(), given.rend(), repeated).base());
}

void read_config(const std::string& path, const po::options_description& descriptions,
                 po::variables_map& values) {
  std::ifstream file(path);
  require(file.good(), "--config {}: cannot read this file", path);
  std::stringstream lines;
  for (std::string line; std::getline(file, line);) lines << normalised(line) << '\n';
  try {
    po::store(po::parse_config_file(lines, descriptions), values);
  } catch (const po::error& error) {
    fail("--config {}: {}", path, error.what());
  }
}

}  // namespace

po::variables_map read_command_line(const std::vector<std::string>& arguments,
                                    const po::options_description& descriptions, const std::string& program) {
  po::variables_map values;
  try {
    std::vector<std::string> words;
    for (const auto& argument : arguments)
      words.push_back(argument.starts_with("--") ? normalised(argument) : argument);
    using namespace po::command_line_style;
    auto given = po::command_line_parser(words)
                     .options(descriptions)
                     .positional(po::positional_options_description())
                     .style(unix_style & ~allow_guessing)
                     .run();
    keep_last(given.options);
    po::store(given, values);
    if (values.count("config") != 0) read_config(values["config"].as<std::string>(), descriptions, values);
    po::notify(values);
  } catch (const po::error& error) {
    fail("{}; {} --help lists the options", error.what(), program);
  }
  return values;
}

}  // namespace neumf
