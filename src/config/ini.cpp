#include "neumf/config/ini.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

#include "neumf/core/error.hpp"

namespace neumf {
namespace {

constexpr std::string_view blanks = " \t\r\v\f";
// A character and the letter that stands for it after a backslash.
constexpr std::array<std::pair<char, char>, 5> escapes{
    {{'"', '"'}, {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}}};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Where a comment begins: at a # that follows a blank, or at the end.
std::size_t comment(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '#' && (i == 0 || blanks.find(text[i - 1]) != blanks.npos)) return i;
  return text.size();
}

// `text` begins with a quote.
std::string unquoted(std::string_view text, int line) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      const auto rest = trimmed(text.substr(i + 1));
      require(rest.empty() || rest.front() == '#', "line {}: '{}' follows the closing quote", line, rest);
      return value;
    }
    char c = text[i];
    if (c == '\\') {
      require(i + 1 < text.size(), "line {}: the closing quote is missing", line);
      const char letter = text[++i];
      bool known = false;
      for (const auto& [character, name] : escapes)
        if (name == letter) {
          c = character;
          known = true;
        }
      require(known, "line {}: in quotes a backslash is written \\\\; '\\{}' has no meaning", line, letter);
    }
    value += c;
  }
  fail("line {}: the closing quote is missing", line);
}

bool needs_quotes(const std::string& value) {
  return value != trimmed(value) || value.starts_with('"') ||
         value.find_first_of("#\n\r") != std::string::npos;
}

}  // namespace

std::vector<IniSetting> read_ini(const std::string& text) {
  std::vector<IniSetting> settings;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto content = trimmed(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    const auto equals = content.find('=');
    require(equals != content.npos, "line {}: '{}' is not of the form NAME = VALUE", number, content);
    const auto name = trimmed(content.substr(0, equals));
    require(!name.empty(), "line {}: no name stands before '='", number);
    const auto value = trimmed(content.substr(equals + 1));
    settings.push_back({std::string(name),
                        value.starts_with('"') ? unquoted(value, number)
                                               : std::string(trimmed(value.substr(0, comment(value)))),
                        number});
  }
  return settings;
}

std::string ini_line(const std::string& name, const std::string& value) {
  if (!needs_quotes(value)) return name + " = " + value + "\n";
  std::string quoted;
  for (const char c : value) {
    const auto* escape =
        std::find_if(escapes.begin(), escapes.end(), [&](const auto& e) { return e.first == c; });
    if (escape != escapes.end())
      (quoted += '\\') += escape->second;
    else
      quoted += c;
  }
  return name + " = \"" + quoted + "\"\n";
}

}  // namespace neumf
