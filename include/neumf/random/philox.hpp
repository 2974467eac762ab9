// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As
// Easy as 1, 2, 3", SC 2011), from the Random123 library.
//
// A draw is a pure function of (seed, stream, counter). Nothing is stored and no thread or rank state exists,
// so CPU and GPU, one rank or many, draw the same numbers, and a resumed run draws what it would have drawn.
#pragma once

#include <Random123/philox.h>

#include <array>
#include <cstdint>

#include "neumf/core/device.hpp"

namespace neumf {

// What a draw is for. Distinct values give independent sequences under one seed.
enum class RandomStream : std::uint32_t {
  negatives = 1,
  shuffle = 2,
  dropout = 3,
  initialisation = 4,
  test_negatives = 5,
  synthetic = 6,
};

struct Philox {
  using Block = std::array<std::uint32_t, 4>;

  std::uint32_t key0 = 0, key1 = 0;
  std::uint32_t counter3 = 0;

  // `sub` (below 2^24) separates draws of one stream, for example epochs or layers.
  NEUMF_HD Philox(std::uint64_t seed, RandomStream stream, std::uint32_t sub = 0)
      : key0(static_cast<std::uint32_t>(seed)),
        key1(static_cast<std::uint32_t>(seed >> 32)),
        counter3((static_cast<std::uint32_t>(stream) << 24) | (sub & 0xFFFFFFu)) {}

  // 128 random bits at position (index, word).
  NEUMF_HD r123::Philox4x32::ctr_type operator()(std::uint64_t index, std::uint32_t word = 0) const {
    r123::Philox4x32 generator;
    const r123::Philox4x32::ctr_type counter = {
        {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), word, counter3}};
    const r123::Philox4x32::key_type key = {{key0, key1}};
    return generator(counter, key);
  }
};

// Word i of a block. Chosen, not indexed: a GPU would put a block that is indexed into slow memory.
NEUMF_HD inline std::uint32_t word_of(const r123::Philox4x32::ctr_type& block, std::uint32_t i) {
  const std::uint32_t low = i == 0 ? block.v[0] : block.v[1], high = i == 2 ? block.v[2] : block.v[3];
  return i < 2 ? low : high;
}

// Maps 32 random bits to [0, n) by multiply-shift (Lemire, "Fast Random Integer Generation in an Interval",
// 2019), without the rejection step: the bias is below n / 2^32.
NEUMF_HD inline std::uint32_t bounded(std::uint32_t bits, std::uint32_t n) {
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(bits) * n) >> 32);
}

// Maps 32 random bits to (0, 1), both ends excluded: 23 of them, so that adding a half stays exact.
NEUMF_HD inline float open_unit(std::uint32_t bits) {
  return (static_cast<float>(bits >> 9) + 0.5f) * 0x1p-23f;
}

}  // namespace neumf
