// How the value of an option is read from text and written to it, by its type.
#pragma once

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "neumf/core/error.hpp"
#include "neumf/core/value_names.hpp"

namespace neumf {

// The numbers that an option takes: at_least(1), above(0).at_most(1), at_least(0).below(1).
struct Range {
  double least = -std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::infinity();
  bool without_least = false, without_most = false;

  constexpr Range at_most(double value) const { return {least, value, without_least, false}; }
  constexpr Range below(double value) const { return {least, value, without_least, true}; }
  bool contains(double value) const;
  // "must be at least 0 and below 1"
  std::string rule() const;
};
constexpr Range at_least(double value) {
  return {.least = value};
}
constexpr Range above(double value) {
  return {.least = value, .without_least = true};
}

// Reads the whole of `text` as a finite number of the range and of the type. Throws Error that says what is
// allowed. For int, std::int64_t, std::uint32_t, std::uint64_t, float and double.
template <class Number>
Number read_number(const std::string& text, const Range& range = {});

// "true", "yes", "on", "1" and their opposites.
bool read_flag(const std::string& text);

// "a, b, c"
std::string joined(const std::vector<std::string>& words, const char* separator = ", ");

// Types other than numbers and bool; a specialisation makes a type of one's own an option's. read throws
// Error that says what is allowed ("must be ..."), without the option's name, which is put before it. What
// write returns must be read as the same value.
template <class T>
struct OptionValue;

template <>
struct OptionValue<std::string> {
  static std::string read(const std::string& text) { return text; }
  static std::string write(const std::string& value) { return value; }
};

template <>
struct OptionValue<std::filesystem::path> {
  static std::filesystem::path read(const std::string& text) { return text; }
  static std::string write(const std::filesystem::path& value) { return value.string(); }
};

template <Named Enum>
struct NamedOption {
  static std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const auto& named : value_names(Enum{})) all.emplace_back(named.name);
    return all;
  }
  static Enum read(const std::string& text) {
    const auto value = value_of<Enum>(text);
    require(value.has_value(), "must be one of {}", joined(names()));
    return *value;
  }
  static std::string write(Enum value) { return name_of(value); }
};
template <Named Enum>
struct OptionValue<Enum> : NamedOption<Enum> {};

template <class T>
T read_option(const std::string& text, const Range& range) {
  if constexpr (std::is_same_v<T, bool>)
    return read_flag(text);
  else if constexpr (std::is_arithmetic_v<T>)
    return read_number<T>(text, range);
  else
    return OptionValue<T>::read(text);
}

template <class T>
std::string write_option(const T& value) {
  if constexpr (std::is_arithmetic_v<T>)
    return fmt::format("{}", value);  // the shortest text that is read as the same number
  else
    return OptionValue<T>::write(value);
}

}  // namespace neumf
