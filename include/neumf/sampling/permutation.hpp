// The epoch's shuffle, computed instead of stored: a keyed bijection on [0, size).
//
// A Feistel network over the smallest number of bits that covers `size`, with cycle walking: an image outside
// the range is encrypted again until it falls inside (Black and Rogaway, "Ciphers with Arbitrary Finite
// Domains", CT-RSA 2002). The domain is below 2 * size, so fewer than two rounds of walking are expected;
// only below 33 it is 64, since a network over halves of one bit cannot mix.
#pragma once

#include <cstdint>

#include "neumf/random/philox.hpp"

namespace neumf {

class Permutation {
 public:
  static constexpr int rounds = 6;

  // Requires size >= 1. Distinct (seed, epoch, salt) give unrelated permutations.
  NEUMF_HD Permutation(std::uint64_t size, std::uint64_t seed, std::uint32_t epoch, std::uint64_t salt = 0)
      : size_(size) {
    int bits = 6;
    while (bits < 64 && (std::uint64_t{1} << bits) < size) ++bits;
    low_bits_ = bits / 2;
    high_bits_ = bits - low_bits_;
    draw_keys(seed, epoch, salt);
  }

  // Another permutation of the same numbers.
  NEUMF_HD void draw_keys(std::uint64_t seed, std::uint32_t epoch, std::uint64_t salt) {
    const Philox philox(seed, RandomStream::shuffle, epoch);
    for (int i = 0; i < rounds; i += 4) {
      const auto block = philox(salt, static_cast<std::uint32_t>(i));
      for (int j = 0; j < 4 && i + j < rounds; ++j) keys_[i + j] = block.v[j];
    }
  }

  NEUMF_HD std::uint64_t size() const { return size_; }

  // The image of `index` in [0, size).
  NEUMF_HD std::uint64_t operator()(std::uint64_t index) const {
    do {
      index = encrypt(index);
    } while (index >= size_);
    return index;
  }

 private:
  NEUMF_HD static std::uint32_t mix(std::uint32_t x, std::uint32_t key) {
    // Murmur3's finaliser, keyed.
    x ^= key;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    x ^= x >> 16;
    return x;
  }

  // The halves may differ by one bit; alternate rounds change one half by a function of the other.
  NEUMF_HD std::uint64_t encrypt(std::uint64_t index) const {
    const std::uint32_t low_mask = static_cast<std::uint32_t>((std::uint64_t{1} << low_bits_) - 1);
    const std::uint32_t high_mask = static_cast<std::uint32_t>((std::uint64_t{1} << high_bits_) - 1);
    std::uint32_t low = static_cast<std::uint32_t>(index) & low_mask;
    std::uint32_t high = static_cast<std::uint32_t>(index >> low_bits_) & high_mask;
    for (int i = 0; i < rounds; i += 2) {
      high ^= mix(low, keys_[i]) & high_mask;
      low ^= mix(high, keys_[i + 1]) & low_mask;
    }
    return (static_cast<std::uint64_t>(high) << low_bits_) | low;
  }

  std::uint64_t size_;
  int low_bits_ = 1;
  int high_bits_ = 1;
  std::uint32_t keys_[rounds] = {};
};

}  // namespace neumf
