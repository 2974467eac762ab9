#include "table_sample.hpp"

#include <algorithm>
#include <array>

#include "neumf/core/error.hpp"

namespace neumf::preprocess {
namespace {

std::vector<std::string_view> lines_of(std::string_view text, bool whole) {
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < TableSample::most_records) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos && !whole && !lines.empty()) break;
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!trimmed(line).empty()) lines.push_back(line);
  }
  return lines;
}

// Columns of a line by itself; where its quotes are not closed on it, they are taken literally.
std::size_t columns_of_line(std::string_view line, const Separator& separator) {
  if (line.find('"') == std::string_view::npos) return literal_columns(line, separator);
  const char* p = line.data();
  const char* const end = p + line.size();
  for (std::size_t columns = 1;; ++columns) {
    const Field field = scan_field(p, end, separator);
    if (field.unterminated || field.damaged) return literal_columns(line, separator);
    if (p == end) return columns;
    p += separator.width();
  }
}

Separator guess_separator(const std::vector<std::string_view>& lines, const std::string& file) {
  constexpr std::array<std::string_view, 5> candidates = {",", "\t", ";", "|", "::"};
  const std::size_t count = std::min<std::size_t>(lines.size(), 100);
  std::size_t best_lines = 0, best_columns = 1;
  Separator best;
  for (const auto candidate : candidates) {
    const Separator separator = separator_of(std::string(candidate), candidate != "::");
    const std::size_t columns = columns_of_line(lines.front(), separator);
    if (columns < 2) continue;
    const auto alike = static_cast<std::size_t>(
        std::count_if(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(count),
                      [&](auto line) { return columns_of_line(line, separator) == columns; }));
    if (alike > best_lines || (alike == best_lines && columns > best_columns)) {
      best_lines = alike;
      best_columns = columns;
      best = separator;
    }
  }
  require(
      best_columns > 1,
      "{}:1: cannot tell the format: '{}' has no comma, tab, semicolon or |. Give --separator{}", file,
      printable(lines.front()),
      trimmed(lines.front()).find(' ') == std::string_view::npos ? "" : ", for example --separator space");
  return best;
}

// How the fields of single lines use quotes.
struct QuoteEvidence {
  std::size_t closed = 0, open = 0;  // fields that begin with a quote, and end with one on their line or not
};

QuoteEvidence quotes_in(const std::vector<std::string_view>& lines, Separator separator) {
  QuoteEvidence evidence;
  for (const auto line : lines) {
    if (line.find('"') == std::string_view::npos) continue;
    const char* p = line.data();
    const char* const end = p + line.size();
    for (;;) {
      const char* const start = p;
      separator.quotes = true;
      const Field field = scan_field(p, end, separator);
      if (field.unterminated || field.damaged) {
        ++evidence.open;
        separator.quotes = false;
        scan_field(p = start, end, separator);
      } else if (field.quoted) {
        ++evidence.closed;
      }
      if (p == end) break;
      p += separator.width();
    }
  }
  return evidence;
}

std::vector<std::vector<std::string>> records_of(std::string_view text, bool whole,
                                                 const Separator& separator) {
  std::vector<std::vector<std::string>> records;
  const char* p = text.data();
  const char* const end = p + text.size();
  while (p < end && records.size() < TableSample::most_records) {
    std::vector<std::string> record;
    for (;;) {
      const Field field = scan_field(p, end, separator);
      if (field.unterminated && !records.empty()) return records;
      const auto content = trimmed(field.text);
      record.push_back(field.escaped ? unescaped(content) : std::string(content));
      if (p == end || *p == '\n') break;
      p += separator.width();
    }
    if (p == end && !whole && !records.empty()) break;  // cut
    if (p < end) ++p;
    if (record.size() > 1 || !record.front().empty()) records.push_back(std::move(record));
  }
  return records;
}

}  // namespace

Separator separator_of(const std::string& text, bool quotes) {
  return {text.front(), text.size() > 1, quotes};
}

std::size_t literal_columns(std::string_view line, const Separator& separator) {
  std::size_t columns = 1;
  const char* const end = line.data() + line.size();
  for (const char* p = line.data(); p < end;) {
    if (separator.at(p, end)) {
      ++columns;
      p += separator.width();
    } else {
      ++p;
    }
  }
  return columns;
}

std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    if (text[i] == '"') ++i;
  }
  return result;
}

TableSample take_sample(std::string_view text, bool whole, const std::string& given, Quotes quotes,
                        const std::string& file) {
  const auto lines = lines_of(text, whole);
  require(!lines.empty(), "{}: holds only blank lines", file);
  TableSample sample;
  sample.separator = given.empty() ? guess_separator(lines, file) : separator_of(given, given != "::");
  const QuoteEvidence evidence = quotes_in(lines, sample.separator);
  sample.quotes_found = evidence.closed + evidence.open > 0;
  if (quotes == Quotes::literal) sample.separator.quotes = false;
  if (quotes == Quotes::csv) sample.separator.quotes = true;
  if (quotes == Quotes::automatic && sample.separator.quotes && evidence.open > 0) {
    const std::size_t columns = literal_columns(lines.front(), sample.separator);
    sample.separator.quotes = !std::all_of(lines.begin(), lines.end(), [&](auto line) {
      return literal_columns(line, sample.separator) == columns;
    });
  }
  sample.records = records_of(text, whole, sample.separator);
  return sample;
}

std::string printable(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::string result;
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\t')
      result += "\\t";
    else if (c == '\r')
      result += "\\r";
    else if (c == '\n')
      result += "\\n";
    else if (byte < 0x20 || byte >= 0x7f)
      result += fmt::format("\\x{:02x}", byte);
    else
      result += c;
  }
  if (text.size() > longest) result += "...";
  return result;
}

}  // namespace neumf::preprocess
