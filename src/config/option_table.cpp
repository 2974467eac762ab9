#include "neumf/config/option_table.hpp"

#include <algorithm>
#include <boost/program_options.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "neumf/config/ini.hpp"

namespace po = boost::program_options;

namespace neumf {
namespace {

// --batch-size=3 and --batch_size=3 are the same; values stay as they are.
std::string with_underscores(std::string argument) {
  if (!argument.starts_with("--")) return argument;
  const auto end = std::min(argument.find('='), argument.size());
  std::replace(argument.begin() + 2, argument.begin() + static_cast<std::ptrdiff_t>(end), '-', '_');
  return argument;
}

// Numbers and names are separated by blanks or commas.
std::vector<std::string> split(std::string text) {
  std::replace(text.begin(), text.end(), ',', ' ');
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

void add_to(po::options_description& description, const OptionText& option) {
  const std::string names = option.letter == 0 ? option.name : option.name + ',' + option.letter;
  if (option.value.empty()) {
    description.add_options()(names.c_str(), option.help.c_str());
    return;
  }
  auto* value = po::value<std::vector<std::string>>()->value_name(option.value);
  if (!option.implied.empty()) value->implicit_value({option.implied}, option.implied);
  if (option.list) value->multitoken();
  description.add_options()(names.c_str(), value, option.help.c_str());
}

// By section, in the order of the sections' first options.
po::options_description describe(const OptionTexts& options) {
  std::vector<std::string> sections;
  for (const auto& option : options)
    if (std::find(sections.begin(), sections.end(), option.section) == sections.end())
      sections.push_back(option.section);
  po::options_description all;
  for (const auto& section : sections) {
    po::options_description description(section);
    for (const auto& option : options)
      if (option.section == section) add_to(description, option);
    all.add(description);
  }
  return all;
}

}  // namespace

std::string format_options(const OptionTexts& options) {
  std::ostringstream text;
  text << describe(options);
  const std::string all = text.str();
  return all.substr(std::min(all.find_first_not_of('\n'), all.size()));
}

// Options and their words, and where they are from, for errors.
struct OptionTable::Given {
  std::map<std::size_t, Words> options;
  std::string source;
};

OptionTable::OptionTable(std::string program, std::string wrong)
    : program_(std::move(program)), wrong_(std::move(wrong)) {}

void OptionTable::declare(const std::string& names, std::string help, OptionText text, Field field) {
  const auto comma = names.find(',');
  text.section = section_;
  text.name = names.substr(0, comma);
  if (comma != names.npos) text.letter = names.at(comma + 1);
  text.help = std::move(help);
  if (!field.rules.among.empty()) text.names = field.rules.among;
  if (field.rules.implied != nullptr) text.implied = field.rules.implied;
  field.initial = field.written();
  const std::string shown = field.rules.shown != nullptr ? field.rules.shown : joined(field.initial, " ");
  if (!text.value.empty() && !shown.empty()) text.value += " (=" + shown + ")";
  require(find(text.name) == texts_.size(), "--{} is declared twice", text.name);
  texts_.push_back(std::move(text));
  fields_.push_back(std::move(field));
}

void OptionTable::add_common(const char* version) {
  section("General");
  add("config", config_, "INI file with any of these options; the command line wins", {.value = "FILE"});
  add("help,h", help_, "print this text");
  if (version != nullptr) add(version, version_, "print the version");
  for (const auto& name : {"config", "help", "version"})
    if (const auto option = find(name); option < fields_.size()) fields_[option].saved = false;
}

std::size_t OptionTable::find(const std::string& name) const {
  const auto found =
      std::find_if(texts_.begin(), texts_.end(), [&](const OptionText& text) { return text.name == name; });
  return static_cast<std::size_t>(found - texts_.begin());
}

OptionTable::Given OptionTable::read_arguments(const Words& arguments) const {
  Words words;
  // What is no option may be a value that begins with dashes, which stay.
  for (const auto& argument : arguments) {
    const auto named = with_underscores(argument);
    const bool option = named.starts_with("--") && find(named.substr(2, named.find('=') - 2)) < texts_.size();
    words.push_back(option ? named : argument);
  }
  Given given;
  try {
    using namespace po::command_line_style;
    const auto description = describe(texts_);
    const auto parsed = po::command_line_parser(words)
                            .options(description)
                            .positional(po::positional_options_description())
                            .style(unix_style & ~allow_guessing)
                            .run();
    for (const auto& option : parsed.options) {
      const auto number = find(option.string_key);
      auto& all = given.options[number];
      if (!fields_.at(number).rules.repeated)
        all.clear();  // the last counts: scripts can be followed by more
      all.insert(all.end(), option.value.begin(), option.value.end());
      if (option.value.empty() && texts_[number].value.empty()) all = {"true"};
      if (option.value.empty() && !texts_[number].implied.empty()) all.push_back(texts_[number].implied);
    }
  } catch (const po::error& error) {
    fail("{}; {} --help lists the options", error.what(), program_);
  }
  return given;
}

OptionTable::Given OptionTable::read_file(const std::string& path) const {
  std::ifstream file(path);
  std::error_code ignored;
  require(file.good() && !std::filesystem::is_directory(path, ignored), "--config {}: cannot read this file",
          path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  Given given;
  given.source = fmt::format("--config {}: ", path);
  try {
    for (const auto& setting : read_ini(text)) {
      const std::string name = with_underscores("--" + setting.name).substr(2);
      const auto option = find(name);
      require(option < texts_.size() && fields_[option].saved,
              "line {}: there is no option '{}'; {} --help lists the options", setting.line, setting.name,
              program_);
      auto& words = given.options[option];
      require(words.empty() || (texts_[option].list && !fields_[option].splits),
              "line {}: '{}' is given a second time", setting.line, setting.name);
      words.push_back(setting.value);
    }
  } catch (const Error& error) {
    fail("{}{}", given.source, error.what());
  }
  return given;
}

void OptionTable::assign(std::size_t option, const Words& given) {
  const auto& text = texts_[option];
  auto& field = fields_[option];
  Words words = given;
  if (field.splits) {
    words.clear();
    for (const auto& word : given)
      for (auto& part : split(word)) words.push_back(std::move(part));
    require(!words.empty(), "--{}: no value is given", text.name);
  }
  if (field.begin) field.begin();
  for (const auto& word : words) try {
      const auto& among = field.rules.among;
      require(among.empty() || std::find(among.begin(), among.end(), word) != among.end(),
              "must be one of {}", joined(among));
      field.take(word);
    } catch (const Error& error) {
      throw Error(fmt::format(fmt::runtime(wrong_), text.name, word, error.what()));
    }
  field.given = true;
}

void OptionTable::read(const Words& arguments) {
  const Given line = read_arguments(arguments);
  for (const auto& [option, words] : line.options)
    if (texts_[option].name == "help" || texts_[option].name == "version") assign(option, words);
  if (help_ || version_) return;
  for (const auto& [option, words] : line.options) assign(option, words);
  if (!config_.empty()) {
    const Given file = read_file(config_);
    for (const auto& [option, words] : file.options) try {
        if (!line.options.contains(option)) assign(option, words);
      } catch (const Error& error) {
        fail("{}{}", file.source, error.what());
      }
  }
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const char* remedy = fields_[i].rules.required;
    const auto written = fields_[i].written();
    require(remedy == nullptr || (!written.empty() && !written.front().empty()), "--{} is missing: {}",
            texts_[i].name, remedy == nullptr ? "" : remedy);
  }
  for (const auto& condition : checks_) condition();
}

bool OptionTable::given(const std::string& name) const {
  const auto option = find(name);
  require(option < fields_.size(), "there is no option --{}", name);
  return fields_[option].given;
}

std::vector<std::pair<std::string, std::string>> OptionTable::settings() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (!fields_[i].saved || fields_[i].rules.transient) continue;
    auto words = fields_[i].written();
    if (fields_[i].splits && !words.empty()) words = {joined(words, " ")};
    const bool empty_is_default = joined(fields_[i].initial, "").empty();
    for (auto& word : words)
      if (!word.empty() || texts_[i].list || !empty_is_default)
        all.emplace_back(texts_[i].name, std::move(word));
  }
  return all;
}

std::string OptionTable::ini() const {
  std::string text;
  for (const auto& [name, value] : settings()) text += ini_line(name, value);
  return text;
}

std::vector<std::string> OptionTable::shaping() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < fields_.size(); ++i)
    if (fields_[i].rules.shapes_result) names.push_back(texts_[i].name);
  return names;
}

}  // namespace neumf
