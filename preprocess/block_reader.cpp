#include "block_reader.hpp"

#include "file_kind.hpp"
#include "neumf/core/error.hpp"

namespace neumf::preprocess {
namespace {
constexpr std::size_t longest_record = 64u << 20;
// A quote that is open for longer was not meant as one; the parser then says where it is.
constexpr std::size_t longest_quoted = 1u << 20;
}  // namespace

BlockReader::BlockReader(InputStream& stream, std::size_t block_bytes)
    : stream_(&stream), block_bytes_(block_bytes) {
  fill(block_bytes_);
  if (buffer_.starts_with("\xef\xbb\xbf")) buffer_.erase(0, 3);
  require_text(buffer_, stream.name());
  while (!at_end_ && buffer_.find('\n') == std::string::npos) fill(block_bytes_);
  require(!buffer_.empty(), "{}: is empty", stream.name());
}

void BlockReader::fill(std::size_t bytes) {
  const std::size_t old = buffer_.size();
  require(old < longest_record,
          "{}: a line is longer than {} MiB. Is this a text file, and is every quote closed?",
          stream_->name(), longest_record >> 20);
  buffer_.resize(old + bytes);
  const std::size_t count = stream_->read({buffer_.data() + old, bytes});
  buffer_.resize(old + count);
  if (count < bytes) at_end_ = true;
}

std::string_view BlockReader::first_line() const {
  std::string_view line(buffer_);
  line = line.substr(0, line.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::size_t BlockReader::complete_prefix() const {
  if (cut_ != nullptr) return cut_(buffer_);
  if (!separator_.quotes || buffer_.find('"') == std::string::npos) {
    const std::size_t last = buffer_.rfind('\n');
    return last == std::string::npos ? 0 : last + 1;
  }
  std::size_t complete = 0;
  const char* end = buffer_.data() + buffer_.size();
  for (const char* p = buffer_.data(); p < end;) {
    const char* const start = p;
    const Field field = scan_field(p, end, separator_);
    if (field.damaged || (field.unterminated && static_cast<std::size_t>(end - start) > longest_quoted))
      return buffer_.rfind('\n') + 1;
    if (p == end) break;
    if (*p == '\n')
      complete = static_cast<std::size_t>(++p - buffer_.data());
    else
      p += separator_.width();
  }
  return complete;
}

std::string BlockReader::next() {
  if (!at_end_ && buffer_.size() < block_bytes_) fill(block_bytes_);
  std::size_t size = complete_prefix();
  while (size == 0 && !at_end_) {
    fill(block_bytes_);
    size = complete_prefix();
  }
  if (at_end_) size = buffer_.size();
  std::string rest = buffer_.substr(size);
  buffer_.resize(size);
  std::swap(rest, buffer_);
  return rest;
}

}  // namespace neumf::preprocess
