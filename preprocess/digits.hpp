// Runs of decimal digits, eight characters at a time.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace neumf::preprocess {

// The eight characters at `p`, the first as the lowest byte.
inline std::uint64_t eight_characters(const char* p) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t word = 0;
  std::memcpy(&word, p, sizeof(word));
  return word;
}

// How many of the eight, from the first on, are digits.
inline int leading_digits(std::uint64_t word) {
  const std::uint64_t value = word ^ 0x3030303030303030u;  // a digit's value, or more than 9
  // Of a character beyond ASCII a carry may reach the next one, which only follows the first other character.
  const std::uint64_t other = ((value + 0x7676767676767676u) | value) & 0x8080808080808080u;
  return other == 0 ? 8 : std::countr_zero(other) / 8;
}

// The number that the first `digits` (1 to 8) of the eight are, all of them digits: neighbours are joined to
// numbers of two, four and eight digits.
inline std::uint32_t number_of(std::uint64_t word, int digits) {
  std::uint64_t value = (word ^ 0x3030303030303030u) << (8 * (8 - digits));  // zeros in front
  value = value * 10 + (value >> 8);
  constexpr std::uint64_t mask = 0x000000FF000000FFu;
  return static_cast<std::uint32_t>(((value & mask) * ((std::uint64_t{1'000'000} << 32) + 100) +
                                     (value >> 16 & mask) * ((std::uint64_t{10'000} << 32) + 1)) >>
                                    32);
}

// Reads the digits at `p`, one to fifteen, and moves behind them; `last` is the last place where eight
// characters can be read. False, with `p` anywhere, if there are none or more, or the end is too near.
inline bool take_digits(const char*& p, const char* last, std::int64_t& value) {
  constexpr std::uint32_t powers[] = {1, 10, 100, 1000, 10'000, 100'000, 1'000'000, 10'000'000};
  if (p > last) return false;
  const std::uint64_t word = eight_characters(p);
  const int digits = leading_digits(word);
  if (digits == 0) return false;
  value = number_of(word, digits);
  p += digits;
  if (digits < 8) return true;
  if (p > last) return false;
  const std::uint64_t more = eight_characters(p);
  const int behind = leading_digits(more);
  if (behind == 8) return false;
  if (behind > 0) value = value * powers[behind] + number_of(more, behind);
  p += behind;
  return true;
}

// The place of the first of the eight characters that is `a` or `b`, or 8.
inline int find_either(std::uint64_t word, char a, char b) {
  constexpr std::uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
  // A byte that is zero has its high bit set; others may only behind the first one.
  const auto zeros = [](std::uint64_t value) { return (value - ones) & ~value & high; };
  const std::uint64_t found = zeros(word ^ (ones * static_cast<unsigned char>(a))) |
                              zeros(word ^ (ones * static_cast<unsigned char>(b)));
  return found == 0 ? 8 : std::countr_zero(found) / 8;
}

}  // namespace neumf::preprocess
