#include "neumf/serve/text.hpp"

#include <istream>
#include <utility>

#include "neumf/core/error.hpp"

namespace neumf::serve {

std::vector<std::string> split_csv(std::string_view line, char separator) {
  std::vector<std::string> fields(1);
  bool quoted = false, may_quote = true;  // quotes count at the beginning of a field only
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted) {
      if (c != '"') {
        fields.back() += c;
      } else if (i + 1 < line.size() && line[i + 1] == '"') {
        fields.back() += '"';
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == separator) {
      fields.emplace_back();
      may_quote = true;
      continue;
    } else if (c == '"' && may_quote) {
      quoted = true;
    } else {
      fields.back() += c;
    }
    may_quote = false;
  }
  require(!quoted, "a quoted field is not closed");
  return fields;
}

RecordReader::RecordReader(std::istream& input, std::string name, Separator separator)
    : input_(input), name_(std::move(name)), choose_(std::move(separator)) {}

bool RecordReader::next_line() {
  if (!std::getline(input_, rest_)) {
    require(!input_.bad(), "{}: reading failed after line {}", name_, lines_);
    return false;
  }
  if (++lines_ == 1 && rest_.starts_with("\xEF\xBB\xBF")) rest_.erase(0, 3);  // a byte order mark
  if (rest_.ends_with('\r')) rest_.pop_back();
  return true;
}

bool RecordReader::next() {
  if (!next_line()) return false;
  first_line_ = lines_;
  if (lines_ == 1) separator_ = choose_(rest_);
  text_ = rest_;
  if (separator_ && text_.find('"') != std::string::npos) complete(*separator_);
  return true;
}

// Appends lines while a quoted field is open.
void RecordReader::complete(char separator) {
  constexpr std::size_t longest = 65536;  // far beyond titles; a stray quote must not swallow the file
  bool quoted = false;
  std::size_t field = 0;  // where it begins
  for (std::size_t i = 0;; ++i) {
    while (quoted && i == text_.size()) {
      require(text_.size() <= longest && next_line(), "{}: line {}: a quoted field is not closed", name_,
              first_line_);
      text_ += '\n' + rest_;
    }
    if (i >= text_.size()) return;
    const char c = text_[i];
    if (quoted) {
      if (c != '"') continue;
      if (i + 1 < text_.size() && text_[i + 1] == '"') {
        ++i;
        continue;
      }
      quoted = false;
      // On one line such a quote is taken as it is; over several it is more likely one too many.
      const bool ends = i + 1 == text_.size() || text_[i + 1] == separator;
      require(ends || lines_ == first_line_,
              "{}: line {}: the quote that begins a field there ends in line {} in the middle of one", name_,
              first_line_, lines_);
    } else if (c == separator) {
      field = i + 1;
    } else if (c == '"' && i == field) {
      quoted = true;
    }
  }
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

}  // namespace neumf::serve
