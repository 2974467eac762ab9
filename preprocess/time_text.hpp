// Points in time as files write them: numbers, ISO 8601, or any pattern of strptime.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neumf::preprocess {

// `nanoseconds` is the decimal part, cut after nine digits. Numbers keep the file's own unit: only their
// order counts.
struct Time {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;

  auto operator<=>(const Time&) const = default;
};

// Integers and decimals ("978824351", "978824351.25", "9.78824351e8"). Nothing for anything else.
std::optional<Time> parse_time(std::string_view text);

struct IsoTime {
  Time time;          // since 1970, UTC
  bool zone = false;  // the text says which; otherwise UTC is taken
};
// "2017-07-14", "2017/07/14", "2017-07-14 03:02", "2017-07-14T03:02:12.277+02:00", "2017-07-14 03:02:12 UTC".
std::optional<IsoTime> parse_iso_time(std::string_view text);

// A pattern of strptime, which may have one "%f" for a fraction of a second.
class TimePattern {
 public:
  // Fails on a pattern without a year, or with hours of twelve but no AM or PM: it would not give the order.
  explicit TimePattern(std::string pattern);
  std::optional<Time> parse(std::string_view text) const;

 private:
  std::vector<std::string> parts_;  // between "%f"
};

// What the numbers of a file count, told by their size.
enum class TimeUnit { seconds, milliseconds, microseconds, nanoseconds, calendar, none };
// `calendar`: 20170714, 201707140302 or 20170714030212. `none`: too small to be a time since 1973, so the
// numbers only order the rows.
TimeUnit unit_of(const Time& time);
std::string_view to_string(TimeUnit unit);
// "2017-07-14", or the number itself for TimeUnit::none.
std::string date_text(const Time& time, TimeUnit unit);

}  // namespace neumf::preprocess
