// The first records of a delimited file, and what they tell about its separator and its quotes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "read_options.hpp"
#include "records.hpp"

namespace neumf::preprocess {

struct TableSample {
  static constexpr std::size_t most_records = 2000;

  Separator separator;
  bool quotes_found = false;                      // fields begin with a quote
  std::vector<std::vector<std::string>> records;  // fields without quotes and blanks around; a header is [0]
};

// `text` is the beginning of the file, `whole` if nothing follows. The separator is `given`, if that is not
// empty, or the one that cuts most lines into equally many columns, at least two. Fails if none does.
//
// A quote opens a field (RFC 4180) unless some quoted field of the sample is not closed on its line, while
// every line has equally many columns where quotes are taken literally.
TableSample take_sample(std::string_view text, bool whole, const std::string& given, Quotes quotes,
                        const std::string& file);

// The separator of the text form of ReadOptions::separator.
Separator separator_of(const std::string& text, bool quotes);

// The number of columns of one line where quotes mean nothing.
std::size_t literal_columns(std::string_view line, const Separator& separator);

// Without blanks, tabs and carriage returns at both ends.
inline std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\r' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// The text of a quoted field: "" is one quote.
std::string unescaped(std::string_view text);

// For messages: shortened, with everything but printable ASCII escaped.
std::string printable(std::string_view text);

}  // namespace neumf::preprocess
