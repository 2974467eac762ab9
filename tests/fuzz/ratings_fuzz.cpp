// Any text as a ratings file: the format is recognised or refused, every line is a rating or the first bad
// line.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "file_kind.hpp"
#include "netflix.hpp"
#include "neumf/core/error.hpp"
#include "ratings_format.hpp"
#include "ratings_parser.hpp"
#include "table_sample.hpp"
#include "time_text.hpp"

namespace pp = neumf::preprocess;

// The first byte chooses the format, the second options; then comes the text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  constexpr pp::FormatName formats[] = {
      pp::FormatName::automatic, pp::FormatName::csv,  pp::FormatName::ml_1m,  pp::FormatName::ml_20m,
      pp::FormatName::ml_100k,   pp::FormatName::json, pp::FormatName::netflix};
  pp::ReadOptions options;
  options.format = formats[data[0] % 7];
  if ((data[1] & 1) != 0) {
    options.user_column = "1";
    options.item_column = "2";
  }
  if ((data[1] & 2) != 0) options.time = pp::TimeSource::none;
  if ((data[1] & 4) != 0) options.quotes = (data[1] & 8) != 0 ? pp::Quotes::csv : pp::Quotes::literal;
  if ((data[1] & 16) != 0) options.missing = pp::Missing::keep;
  if ((data[1] & 32) != 0) options.keep = {{"3", {"a", "b"}}};
  if ((data[1] & 64) != 0) options.min_rating = 2.5;
  if ((data[1] & 128) != 0) options.header = (data[1] & 8) != 0 ? pp::Header::yes : pp::Header::no;
  const std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  try {
    pp::require_text(text, "fuzz");
    const auto format = pp::detect_format(options, text, true, "fuzz");
    const auto block = pp::parse_block(text, format, format.has_header);
    // What follows relies on this.
    for (const auto& row : block.rows)
      for (const auto& id : {row.user, row.item})
        if (id.is_text && static_cast<std::size_t>(id.number) >= block.texts.size()) std::abort();
    if (block.rows.size() + block.missing + block.low_rated > block.lines + 1) std::abort();
    if (block.bad) static_cast<void>(pp::printable(block.bad->content));
    if (format.name == pp::FormatName::netflix && pp::whole_movies(text) > text.size()) std::abort();
    if (format.has_times() && !block.rows.empty())
      static_cast<void>(pp::date_text(block.most, pp::unit_of(block.most)));
    static_cast<void>(pp::TimePattern("%Y-%m-%d %H:%M:%S.%f").parse(text));
  } catch (const neumf::Error&) {
    // A message for the user.
  }
  return 0;
}
