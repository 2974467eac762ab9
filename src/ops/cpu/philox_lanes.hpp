// The Philox of random/philox.hpp at many positions at once: over arrays, so that the compiler keeps 16
// counters in a vector register.
#pragma once

#include <cstdint>
#include <vector>

#include "neumf/random/philox.hpp"

namespace neumf::cpu {

class PhiloxLanes {
 public:
  static constexpr std::int64_t pieces_per_block = 8;  // of 16 bits

  PhiloxLanes(const Philox& philox, std::int64_t lanes) : philox_(philox) {
    for (auto* counter : {&low_, &high_, &word_}) counter->resize(static_cast<std::size_t>(lanes));
    out_.resize(static_cast<std::size_t>(lanes * pieces_per_block));
  }

  // The position (index, word) that `lane` draws at.
  void set(std::int64_t lane, std::uint64_t index, std::uint32_t word) {
    low_[static_cast<std::size_t>(lane)] = static_cast<std::uint32_t>(index);
    high_[static_cast<std::size_t>(lane)] = static_cast<std::uint32_t>(index >> 32);
    word_[static_cast<std::size_t>(lane)] = word;
  }

  // Draws for the lanes [0, n), 128 bits each.
  void draw(std::int64_t n) {
    const std::uint32_t* __restrict low = low_.data();
    const std::uint32_t* __restrict high = high_.data();
    const std::uint32_t* __restrict word = word_.data();
    std::uint16_t* __restrict out = out_.data();
    const Philox philox = philox_;
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) {
      std::uint32_t x0 = low[i], x1 = high[i], x2 = word[i], x3 = philox.counter3;
      std::uint32_t k0 = philox.key0, k1 = philox.key1;
      for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * x0;
        const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * x2;
        x0 = static_cast<std::uint32_t>(p1 >> 32) ^ x1 ^ k0;
        x1 = static_cast<std::uint32_t>(p1);
        x2 = static_cast<std::uint32_t>(p0 >> 32) ^ x3 ^ k1;
        x3 = static_cast<std::uint32_t>(p0);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
      }
      out[8 * i + 0] = static_cast<std::uint16_t>(x0);
      out[8 * i + 1] = static_cast<std::uint16_t>(x0 >> 16);
      out[8 * i + 2] = static_cast<std::uint16_t>(x1);
      out[8 * i + 3] = static_cast<std::uint16_t>(x1 >> 16);
      out[8 * i + 4] = static_cast<std::uint16_t>(x2);
      out[8 * i + 5] = static_cast<std::uint16_t>(x2 >> 16);
      out[8 * i + 6] = static_cast<std::uint16_t>(x3);
      out[8 * i + 7] = static_cast<std::uint16_t>(x3 >> 16);
    }
  }

  // What `lane` drew and the lanes after it, in pieces of 16 bits, the lowest first.
  const std::uint16_t* pieces(std::int64_t lane) const {
    return out_.data() + lane * pieces_per_block;
  }
  // Word i of what `lane` drew.
  std::uint32_t word(std::int64_t lane, std::uint64_t i) const {
    const std::uint16_t* halves = pieces(lane) + 2 * i;
    return halves[0] | static_cast<std::uint32_t>(halves[1]) << 16;
  }

 private:
  Philox philox_;
  std::vector<std::uint32_t> low_, high_, word_;
  std::vector<std::uint16_t> out_;
};

}  // namespace neumf::cpu
