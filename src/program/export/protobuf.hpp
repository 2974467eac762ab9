// The wire format of Protocol Buffers, as much of it as an ONNX file needs: a message is its fields one after
// the other, each a key (number and kind) and a value; numbers are varints, all else has its length before it
// (https://protobuf.dev/programming-guides/encoding).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace neumf::program {

class Message {
 public:
  Message& number(int field, std::uint64_t value) {
    key(field, 0);
    varint(value);
    return *this;
  }
  // Text, bytes, or a message in it.
  Message& bytes(int field, std::string_view value) {
    begin(field, value.size());
    text_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return bytes(field, value.text_); }
  // The beginning of a field whose `size` bytes the caller appends.
  void begin(int field, std::uint64_t size) {
    key(field, 2);
    varint(size);
  }

  const std::string& text() const { return text_; }

 private:
  void key(int field, unsigned kind) { varint(static_cast<std::uint64_t>(field) << 3 | kind); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) text_ += static_cast<char>((value & 0x7F) | 0x80);
    text_ += static_cast<char>(value);
  }

  std::string text_;
};

}  // namespace neumf::program
