// Cuts a stream into large blocks of whole lines, so that blocks can be parsed in parallel.
#pragma once

#include <string>

#include "input_stream.hpp"
#include "records.hpp"

namespace neumf::preprocess {

class BlockReader {
 public:
  static constexpr std::size_t default_block = 1u << 20;

  // `stream` must outlive the reader. A UTF-8 byte order mark is skipped. Fails if the stream is empty
  // or no text, and says what it is.
  explicit BlockReader(InputStream& stream, std::size_t block_bytes = default_block);

  // What is in memory before anything was taken: whole lines and perhaps a cut one. The first line is whole.
  std::string_view beginning() const { return buffer_; }
  // Whether that is all.
  bool holds_all() const { return at_end_; }
  // The first line, without its end, before anything was taken.
  std::string_view first_line() const;
  // With quotes a line end inside a quoted field does not end a record.
  void set_separator(const Separator& separator) { separator_ = separator; }
  // Blocks end where this says: it returns the size of the longest prefix of whole records, or 0.
  void set_cut(std::size_t (*cut)(std::string_view)) { cut_ = cut; }
  // The next block, empty at the end. The very last line may lack its line end.
  std::string next();

 private:
  void fill(std::size_t bytes);
  // The size of the longest prefix of whole records.
  std::size_t complete_prefix() const;

  InputStream* stream_;
  std::size_t block_bytes_;
  Separator separator_;
  std::size_t (*cut_)(std::string_view) = nullptr;
  std::string buffer_;
  bool at_end_ = false;
};

}  // namespace neumf::preprocess
