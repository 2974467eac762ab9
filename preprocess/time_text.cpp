#include "time_text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <ctime>
#include <utility>

#include "digits.hpp"
#include "neumf/core/error.hpp"
#include "parse_all.hpp"

namespace neumf::preprocess {
namespace {

constexpr std::uint32_t nanoseconds_per_second = 1'000'000'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Decimals are read exactly: a double would merge times that differ in the last digits. Digits beyond the
// ninth are passed over.
std::uint32_t fraction(std::string_view digits) {
  std::uint32_t value = 0, unit = nanoseconds_per_second / 10;
  for (const char c : digits) {
    value += unit * static_cast<std::uint32_t>(c - '0');
    unit /= 10;
  }
  return value;
}

std::int64_t floor_divide(std::int64_t value, std::int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

// A date written as a number, YYYYMMDD, perhaps with hhmm or hhmmss behind it.
bool is_calendar(std::int64_t value) {
  for (const std::int64_t below_day : {1, 10'000, 1'000'000}) {
    const std::int64_t date = value / below_day, month = date / 100 % 100, day = date % 100;
    if (date < 19'000'101 || date > 21'000'101 || month < 1 || month > 12 || day < 1 || day > 31) continue;
    const std::int64_t clock = below_day == 10'000 ? value % below_day * 100 : value % below_day;
    return clock / 10'000 < 24 && clock / 100 % 100 < 60 && clock % 100 < 60;
  }
  return false;
}

// Takes from the front of a text.
struct Reader {
  std::string_view rest;

  bool take(char c) {
    if (!rest.starts_with(c)) return false;
    rest.remove_prefix(1);
    return true;
  }
  // Exactly `digits` digits.
  bool number(std::size_t digits, int& value) {
    if (rest.size() < digits) return false;
    int result = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (!is_digit(rest[i])) return false;
      result = result * 10 + (rest[i] - '0');
    }
    value = result;
    rest.remove_prefix(digits);
    return true;
  }
  std::string_view digits() {
    const auto* end = std::find_if_not(rest.begin(), rest.end(), is_digit);
    const std::string_view taken = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    rest.remove_prefix(taken.size());
    return taken;
  }
};

// Days since 1970 of a date of the Gregorian calendar, by counting years from March (the algorithm of H.
// Hinnant's "chrono-compatible low-level date algorithms").
std::int64_t days_from_civil(int year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const int era = year / 400, of_era = year - era * 400;
  const int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return std::int64_t{era} * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

int days_in_month(int year, int month) {
  constexpr std::array days = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[static_cast<std::size_t>(month - 1)];
}

struct DateAndClock {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

// The form of nearly every date and time, "2017-07-14 03:02:12", at the front of `text`: its characters are
// looked at eight by eight. False for all other forms.
bool take_usual_form(std::string_view& text, DateAndClock& taken) {
  if (text.size() < 19) return false;
  const char* const p = text.data();
  if (p[4] != '-' || p[7] != '-' || (p[10] != ' ' && p[10] != 'T') || p[13] != ':' || p[16] != ':')
    return false;
  // All but these marks are digits. The second and the third eight overlap.
  const auto digits_but = [&](int at, int first_mark, int second_mark) {
    const std::uint64_t marks = std::uint64_t{0xFF} << 8 * first_mark | std::uint64_t{0xFF}
                                                                            << 8 * second_mark;
    return leading_digits((eight_characters(p + at) & ~marks) | (0x3030303030303030u & marks)) == 8;
  };
  if (!digits_but(0, 4, 7) || !digits_but(8, 2, 5) || !digits_but(11, 2, 5)) return false;
  const auto two = [&](int at) { return 10 * (p[at] - '0') + (p[at + 1] - '0'); };
  taken = {100 * two(0) + two(2), two(5), two(8), two(11), two(14), two(17)};
  text.remove_prefix(19);
  return true;
}

// "Z", " UTC", "+02:00", "+0200", "+02" to seconds east of UTC. Takes all of the rest or fails.
bool zone_offset(Reader& reader, std::int64_t& offset) {
  while (reader.take(' ')) {
  }
  offset = 0;
  if (reader.rest == "Z" || reader.rest == "z" || reader.rest == "UTC" || reader.rest == "GMT") return true;
  const bool west = reader.rest.starts_with('-');
  if (!reader.take('+') && !reader.take('-')) return false;
  int hours = 0, minutes = 0;
  if (!reader.number(2, hours)) return false;
  if (!reader.rest.empty()) {
    reader.take(':');
    if (!reader.number(2, minutes)) return false;
  }
  if (!reader.rest.empty() || hours > 23 || minutes > 59) return false;
  offset = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
  return true;
}

}  // namespace

std::optional<Time> parse_time(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (const auto seconds = parse_all<std::int64_t>(text)) return Time{*seconds, 0};
  const bool negative = text.starts_with('-');
  const std::string_view digits = negative ? text.substr(1) : text;
  const std::size_t point = digits.find('.');
  Time time;
  const auto all_digits = [](std::string_view part) {
    return std::all_of(part.begin(), part.end(), is_digit);
  };
  if (point != std::string_view::npos && digits.size() > 1 && all_digits(digits.substr(0, point)) &&
      all_digits(digits.substr(point + 1))) {
    if (point > 0) {
      const auto seconds = parse_all<std::int64_t>(digits.substr(0, point));
      if (!seconds) return std::nullopt;
      time.seconds = *seconds;
    }
    time.nanoseconds = fraction(digits.substr(point + 1));
  } else {
    const auto value = parse_all<double>(digits);
    if (!value || !std::isfinite(*value) || *value < 0 || *value >= 0x1p63) return std::nullopt;
    const double whole = std::floor(*value);
    time.seconds = static_cast<std::int64_t>(whole);
    time.nanoseconds = static_cast<std::uint32_t>((*value - whole) * nanoseconds_per_second);
  }
  if (negative) {
    time.seconds = -time.seconds;
    if (time.nanoseconds > 0) {
      --time.seconds;
      time.nanoseconds = nanoseconds_per_second - time.nanoseconds;
    }
  }
  return time;
}

std::optional<IsoTime> parse_iso_time(std::string_view text) {
  Reader reader{text};
  DateAndClock at;
  const bool usual = take_usual_form(reader.rest, at);
  if (!usual) {
    if (!reader.number(4, at.year)) return std::nullopt;
    const char mark = reader.rest.starts_with('/') ? '/' : '-';
    if (!reader.take(mark) || !reader.number(2, at.month) || !reader.take(mark) || !reader.number(2, at.day))
      return std::nullopt;
  }
  if (at.month < 1 || at.month > 12 || at.day < 1 || at.day > days_in_month(at.year, at.month))
    return std::nullopt;
  IsoTime result;
  result.time.seconds = days_from_civil(at.year, at.month, at.day) * 86'400;
  bool seconds = usual;
  if (!usual) {
    if (reader.rest.empty()) return result;
    if (!reader.take('T') && !reader.take(' ') && !reader.take('t')) return std::nullopt;
    if (!reader.number(2, at.hour) || !reader.take(':') || !reader.number(2, at.minute)) return std::nullopt;
    seconds = reader.take(':');
    if (seconds && !reader.number(2, at.second)) return std::nullopt;
  }
  if (seconds && (reader.take('.') || reader.take(','))) {
    const auto digits = reader.digits();
    if (digits.empty()) return std::nullopt;
    result.time.nanoseconds = fraction(digits);
  }
  if (at.hour > 23 && (at.hour > 24 || at.minute > 0 || at.second > 0))
    return std::nullopt;                                      // 24:00 ends a day
  if (at.minute > 59 || at.second > 60) return std::nullopt;  // leap seconds
  result.time.seconds += (at.hour * 60 + at.minute) * 60 + at.second;
  if (reader.rest.empty()) return result;
  std::int64_t offset = 0;
  if (!zone_offset(reader, offset)) return std::nullopt;
  result.time.seconds -= offset;
  result.zone = true;
  return result;
}

TimePattern::TimePattern(std::string pattern) {
  bool year = false, twelve = false, half_of_day = false;
  std::string part;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      part += pattern[i];
      continue;
    }
    char kind = pattern[++i];
    if (kind == 'f') {
      parts_.push_back(std::exchange(part, {}));
      continue;
    }
    part += '%';
    part += kind;
    if ((kind == 'E' || kind == 'O') && i + 1 < pattern.size()) part += kind = pattern[++i];
    year |= std::strchr("YyFDcxGC", kind) != nullptr;
    twelve |= std::strchr("Il", kind) != nullptr;
    half_of_day |= std::strchr("pPr", kind) != nullptr;
    require(kind != 's', "--time_format '{}': %s needs no format, numbers are read by themselves", pattern);
  }
  parts_.push_back(std::move(part));
  require(parts_.size() <= 2, "--time_format '{}': has %f twice", pattern);
  require(year, "--time_format '{}': has no year (%Y or %y), so it does not order the rows", pattern);
  require(!twelve || half_of_day, "--time_format '{}': has hours of twelve (%I) but no %p", pattern);
}

std::optional<Time> TimePattern::parse(std::string_view text) const {
  std::array<char, 128> buffer{};  // strptime needs a final zero
  if (text.size() >= buffer.size()) return std::nullopt;
  text.copy(buffer.data(), text.size());
  std::tm broken{};
  broken.tm_mday = 1;
  Time time;
  const char* p = buffer.data();
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (i > 0) {
      const auto digits = Reader{p}.digits();
      if (digits.empty()) return std::nullopt;
      time.nanoseconds = fraction(digits);
      p += digits.size();
    }
    p = ::strptime(p, parts_[i].c_str(), &broken);
    if (p == nullptr) return std::nullopt;
  }
  if (p != buffer.data() + text.size()) return std::nullopt;
  const long offset = broken.tm_gmtoff;
  time.seconds = std::int64_t{::timegm(&broken)} - offset;
  return time;
}

TimeUnit unit_of(const Time& time) {
  if (is_calendar(time.seconds)) return TimeUnit::calendar;
  const auto size = time.seconds < 0 ? -(time.seconds + 1) : time.seconds;
  if (size < 100'000'000) return TimeUnit::none;
  if (size < 100'000'000'000) return TimeUnit::seconds;
  if (size < 100'000'000'000'000) return TimeUnit::milliseconds;
  if (size < 100'000'000'000'000'000) return TimeUnit::microseconds;
  return TimeUnit::nanoseconds;
}

std::string_view to_string(TimeUnit unit) {
  // In the order of TimeUnit.
  constexpr std::array<std::string_view, 6> names = {"seconds",     "milliseconds",     "microseconds",
                                                     "nanoseconds", "dates as numbers", "numbers"};
  return names[static_cast<std::size_t>(unit)];
}

std::string date_text(const Time& time, TimeUnit unit) {
  std::int64_t per_second = 1;
  switch (unit) {
    case TimeUnit::none:
      return time.nanoseconds == 0 ? std::to_string(time.seconds)
                                   : fmt::format("{}.{:09}", time.seconds, time.nanoseconds);
    case TimeUnit::calendar: {
      const std::string digits = std::to_string(time.seconds);
      return fmt::format("{}-{}-{}", digits.substr(0, 4), digits.substr(4, 2), digits.substr(6, 2));
    }
    case TimeUnit::milliseconds:
      per_second = 1000;
      break;
    case TimeUnit::microseconds:
      per_second = 1'000'000;
      break;
    case TimeUnit::nanoseconds:
      per_second = 1'000'000'000;
      break;
    default:
      break;
  }
  const std::int64_t days = std::clamp<std::int64_t>(
      floor_divide(floor_divide(time.seconds, per_second), 86'400), -10'000'000, 10'000'000);
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{static_cast<int>(days)}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

}  // namespace neumf::preprocess
