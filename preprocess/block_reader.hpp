// Cuts a stream into large blocks of whole lines, so that blocks can be parsed in parallel.
#pragma once

#include <string>

#include "input_stream.hpp"
#include "records.hpp"

namespace neumf::preprocess {

class BlockReader {
 public:
  static constexpr std::size_t default_block = 1u << 20;

  // `stream` must outlive the reader. A UTF-8 byte order mark is skipped. Fails if the stream is empty.
  explicit BlockReader(InputStream& stream, std::size_t block_bytes = default_block);

  // The first line, without its end, before anything was taken.
  std::string_view first_line() const;
  // With quotes a line end inside a quoted field does not end a record.
  void set_separator(const Separator& separator) { separator_ = separator; }
  // The next block, empty at the end. The very last line may lack its line end.
  std::string next();

 private:
  void fill(std::size_t bytes);
  // The size of the longest prefix of whole records.
  std::size_t complete_prefix() const;

  InputStream* stream_;
  std::size_t block_bytes_;
  Separator separator_;
  std::string buffer_;
  bool at_end_ = false;
};

}  // namespace neumf::preprocess
