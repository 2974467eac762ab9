#include "neumf/config/option_value.hpp"

#include <fmt/ranges.h>

#include <charconv>
#include <cstdint>

namespace neumf {
namespace {

// 10000 rather than 1e+04.
std::string shown(double bound) {
  return bound == std::floor(bound) && std::abs(bound) < 1e20 ? fmt::format("{:.0f}", bound)
                                                              : fmt::format("{}", bound);
}

// The range with the limits of the type.
template <class Number>
Range within_limits(Range range) {
  using Limits = std::numeric_limits<Number>;
  if (!std::isfinite(range.least)) range.least = static_cast<double>(Limits::lowest());
  if (!std::isfinite(range.most)) {
    range.most = static_cast<double>(Limits::max());
    range.without_most = Limits::digits > 53;  // then the limit is rounded up, to a power of two
  }
  return range;
}

}  // namespace

bool Range::contains(double value) const {
  const bool enough = without_least ? value > least : value >= least;
  return enough && (without_most ? value < most : value <= most);  // not so for nan
}

std::string Range::rule() const {
  const bool has_least = std::isfinite(least), has_most = std::isfinite(most);
  if (has_least && has_most && !without_least && !without_most)
    return fmt::format("must be {} to {}", shown(least), shown(most));
  const std::string lower = fmt::format("{} {}", without_least ? "above" : "at least", shown(least));
  const std::string upper = fmt::format("{} {}", without_most ? "below" : "at most", shown(most));
  if (!has_least && !has_most) return "must be a finite number";
  return fmt::format("must be {}{}{}", has_least ? lower : "", has_least && has_most ? " and " : "",
                     has_most ? upper : "");
}

template <class Number>
Number read_number(const std::string& text, const Range& range) {
  constexpr bool whole = std::is_integral_v<Number>;
  const char *begin = text.data(), *end = begin + text.size();
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') ++begin;
  Number number{};
  auto result = std::from_chars(begin, end, number);
  if (std::is_unsigned_v<Number> && text[0] == '-') {
    std::int64_t ignored = 0;
    result = std::from_chars(begin, end, ignored);
    if (result.ec == std::errc()) result.ec = std::errc::result_out_of_range;
  }
  require(result.ec != std::errc::invalid_argument && result.ptr == end, "'{}' is not a {}number", text,
          whole ? "whole " : "");
  if (result.ec != std::errc()) {
    if constexpr (whole) fail("{}", within_limits<Number>(range).rule());
    fail("'{}' is too large or too small a number", text);
  }
  const auto value = static_cast<double>(number);
  require(std::isfinite(value) || std::isfinite(range.most), "{}",
          std::isfinite(range.least) ? range.rule() + " and finite" : range.rule());
  require(range.contains(value), "{}", range.rule());
  return number;
}

template int read_number(const std::string&, const Range&);
template std::int64_t read_number(const std::string&, const Range&);
template std::uint32_t read_number(const std::string&, const Range&);
template std::uint64_t read_number(const std::string&, const Range&);
template float read_number(const std::string&, const Range&);
template double read_number(const std::string&, const Range&);

bool read_flag(const std::string& text) {
  for (const char* yes : {"true", "yes", "on", "1"})
    if (text == yes) return true;
  for (const char* no : {"false", "no", "off", "0"})
    if (text == no) return false;
  fail("must be true or false");
}

std::string joined(const std::vector<std::string>& words, const char* separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

}  // namespace neumf
