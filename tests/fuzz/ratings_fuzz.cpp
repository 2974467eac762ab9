// Any text as a ratings file: the format is recognised or refused, every line is a rating or the first bad
// line.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "neumf/core/error.hpp"
#include "ratings_format.hpp"
#include "ratings_parser.hpp"

namespace pp = neumf::preprocess;

// What the first byte chooses from; then comes the text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr pp::FormatName formats[] = {pp::FormatName::automatic, pp::FormatName::csv, pp::FormatName::ml_1m,
                                        pp::FormatName::ml_20m, pp::FormatName::ml_100k};
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    const auto first_line = text.substr(0, text.find('\n'));
    const auto format = pp::detect_format(formats[data[0] % 5], first_line, "fuzz");
    const auto block = pp::parse_block(text, format, format.has_header);
    // What follows relies on this.
    for (const auto& row : block.rows)
      for (const auto& id : {row.user, row.item})
        if (id.is_text && static_cast<std::size_t>(id.number) >= block.texts.size()) std::abort();
    if (block.rows.size() > block.lines + 1) std::abort();
    if (block.bad) static_cast<void>(pp::printable(block.bad->content));
  } catch (const neumf::Error&) {
    // A message for the user.
  }
  return 0;
}
