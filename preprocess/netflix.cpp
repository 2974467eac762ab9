#include "netflix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "row_builder.hpp"
#include "table_sample.hpp"

namespace neumf::preprocess {

bool is_netflix_movie(std::string_view line) {
  line = trimmed(line);
  return line.size() > 1 && line.ends_with(':') &&
         std::all_of(line.begin(), line.end() - 1, [](char c) { return c >= '0' && c <= '9'; });
}

std::size_t whole_movies(std::string_view text) {
  for (std::size_t end = text.size(); (end = text.rfind(':', end - 1)) != std::string_view::npos;) {
    const std::size_t line = end == 0 ? std::string_view::npos : text.rfind('\n', end - 1);
    if (line == std::string_view::npos || end == 0) return 0;
    if (is_netflix_movie(text.substr(line + 1, text.find('\n', end) - line - 1))) return line + 1;
  }
  return 0;
}

ParsedBlock parse_netflix(std::string text, const RatingsFormat& format) {
  ParsedBlock block;
  block.text = std::make_unique<const std::string>(std::move(text));
  RowBuilder rows(format, block);
  constexpr Separator comma{',', false, false};
  std::string_view movie;
  for (std::string_view rest = *block.text; !rest.empty(); ++block.lines) {
    const std::size_t line_end = rest.find('\n');
    const std::string_view line = trimmed(rest.substr(0, line_end));
    rest = line_end == std::string_view::npos ? std::string_view{} : rest.substr(line_end + 1);
    if (line.empty()) continue;
    if (is_netflix_movie(line)) {
      movie = line.substr(0, line.size() - 1);
      continue;
    }
    std::array<std::string_view, 3> fields;
    const char* p = line.data();
    const char* const end = p + line.size();
    std::size_t columns = 0;
    for (;; ++columns) {
      const Field field = scan_field(p, end, comma);
      if (columns < fields.size()) fields[columns] = field.text;
      if (p == end) break;
      ++p;
    }
    ++columns;
    if (movie.empty() || columns != fields.size()) {
      block.bad = {block.lines,
                   movie.empty() ? std::string("no line 'movie:' precedes it")
                                 : fmt::format("{} columns where user,rating,date are expected", columns),
                   printable(line)};
      break;
    }
    if (!rows.add({fields[0]}, {movie}, {fields[2]}, {fields[1]}, {}, line)) break;
  }
  return block;
}

}  // namespace neumf::preprocess
