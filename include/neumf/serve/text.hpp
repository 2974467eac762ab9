// Lines of text as people and spreadsheets write them.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neumf::serve {

// The fields of one line of CSV (RFC 4180): a field in quotes may hold the separator, and quotes written
// twice. Throws Error, without a place, if quotes are not closed.
std::vector<std::string> split_csv(std::string_view line, char separator);

// Records of text files: lines, where a field in quotes may hold line ends too (RFC 4180).
class RecordReader {
 public:
  // The separator of fields, or nothing where quotes mean nothing, from the file's first line.
  using Separator = std::function<std::optional<char>(std::string_view first_line)>;
  // `name`: of the input, for messages. The input must outlive the reader.
  RecordReader(std::istream& input, std::string name, Separator separator);

  // The next record, without its line end and a byte order mark; false at the end. Throws Error naming the
  // line in which a quoted field begins that is not closed, or closed in the middle of a field.
  bool next();
  const std::string& text() const { return text_; }
  std::uint64_t line() const { return first_line_; }  // of the record's beginning, from 1

 private:
  bool next_line();
  void complete(char separator);

  std::istream& input_;
  std::string name_;
  Separator choose_;
  std::optional<char> separator_;
  std::string text_, rest_;
  std::uint64_t lines_ = 0, first_line_ = 0;
};

// Without spaces, tabs and carriage returns at both ends.
std::string_view trimmed(std::string_view text);

}  // namespace neumf::serve
