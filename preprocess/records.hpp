// Delimited text: where fields and records end. The block reader and the parser share these functions, so
// that a block is never cut where the parser sees no end of a record.
#pragma once

#include <cstring>
#include <string_view>

namespace neumf::preprocess {

struct Separator {
  char character = ',';
  bool doubled = false;  // "::"
  bool quotes = false;   // fields may be quoted, with "" for a quote, and then hold separators and line ends

  std::size_t width() const { return doubled ? 2 : 1; }
  bool at(const char* p, const char* end) const {
    return *p == character && (!doubled || (p + 1 < end && p[1] == character));
  }
};

struct Field {
  std::string_view text;  // without the quotes
  bool quoted = false;
  bool escaped = false;       // holds "" for "
  bool unterminated = false;  // the closing quote is missing
  bool damaged = false;       // something but blanks follows the closing quote
};

// Reads the field at `p` and moves `p` to the separator or line end behind it, or to `end`.
inline Field scan_field(const char*& p, const char* end, const Separator& separator) {
  Field field;
  const char* start = p;
  if (separator.quotes && p < end && *p == '"') {
    field.quoted = true;
    start = ++p;
    for (;;) {
      const auto* quote = static_cast<const char*>(std::memchr(p, '"', static_cast<std::size_t>(end - p)));
      if (quote == nullptr) {
        field.unterminated = true;
        field.text = {start, static_cast<std::size_t>(end - start)};
        p = end;
        return field;
      }
      p = quote + 1;
      if (p == end || *p != '"') {
        field.text = {start, static_cast<std::size_t>(quote - start)};
        break;
      }
      field.escaped = true;
      ++p;
    }
    for (; p < end && *p != '\n' && !separator.at(p, end); ++p)
      field.damaged |= *p != ' ' && *p != '\r' && *p != '\t';
    return field;
  }
  while (p < end && *p != '\n' && !separator.at(p, end)) ++p;
  field.text = {start, static_cast<std::size_t>(p - start)};
  return field;
}

}  // namespace neumf::preprocess
