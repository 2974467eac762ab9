#include "read_options.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "neumf/core/error.hpp"
#include "table_sample.hpp"

namespace neumf::preprocess {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> separators = {{{"auto", ""},
                                                                                      {"comma", ","},
                                                                                      {"tab", "\t"},
                                                                                      {"\\t", "\t"},
                                                                                      {"space", " "},
                                                                                      {"semicolon", ";"},
                                                                                      {"pipe", "|"}}};

}  // namespace

FormatName parse_format_name(std::string_view name) {
  if (const auto format = value_of<FormatName>(name)) return *format;
  std::string names;
  for (const auto& [text, value] : value_names(FormatName{}))
    names += (names.empty() ? "" : ", ") + std::string(text);
  fail("unknown format '{}': use one of {}", printable(name), names);
}

SeparatorText parse_separator(std::string_view text) {
  for (const auto& [name, value] : separators)
    if (text == name) return {std::string(value)};
  const bool usable = text == "::" || (text.size() == 1 && text != "\n" && text != "\r" && text != "\"" &&
                                       static_cast<unsigned char>(text.front()) < 0x80);
  require(usable, "must be one character, '::', or auto, comma, tab, space, semicolon or pipe");
  return {std::string(text)};
}

std::string to_text(const SeparatorText& separator) {
  for (const auto& [name, value] : separators)
    if (separator.text == value) return std::string(name);
  return separator.text;
}

KeepRule parse_keep(std::string_view text) {
  const std::size_t equal = text.find('=');
  require(equal != std::string_view::npos && equal > 0,
          "must be a column and its values, for example event=view,buy");
  KeepRule rule{std::string(text.substr(0, equal)), {}};
  for (std::string_view rest = text.substr(equal + 1);;) {
    const std::size_t comma = rest.find(',');
    rule.values.emplace_back(trimmed(rest.substr(0, comma)));
    if (comma == std::string_view::npos) return rule;
    rest = rest.substr(comma + 1);
  }
}

std::string to_text(const KeepRule& rule) {
  std::string values;
  for (const auto& value : rule.values) values += (values.empty() ? "" : ",") + value;
  return rule.column + "=" + values;
}

std::string to_text(const ReadOptions& options) {
  std::string text;
  const auto add = [&](const char* name, std::string_view value) {
    if (!value.empty()) text += fmt::format(" --{}={}", name, value);
  };
  add("user_column", options.user_column);
  add("item_column", options.item_column);
  add("time_column", options.time_column);
  add("rating_column", options.rating_column);
  if (options.without_times()) add("time", "none");
  add("time_format", options.time_format);
  if (options.header != Header::automatic) add("header", name_of(options.header));
  if (!options.separator.text.empty()) add("separator", to_text(options.separator));
  if (options.quotes != Quotes::automatic) add("quotes", name_of(options.quotes));
  if (options.missing != Missing::error) add("missing", name_of(options.missing));
  for (const auto& rule : options.keep) add("keep", to_text(rule));
  if (options.min_rating) add("min_rating", fmt::format("{}", *options.min_rating));
  for (const auto& member : options.members) add("member", member);
  return text;
}

}  // namespace neumf::preprocess
