// Dropout as a function of (seed, epoch, layer, sample id, unit); shared by both devices.
//
// At a rate of one half, the usual one, a unit is kept when its random bit is set, and one Philox block
// serves 128 neighbouring units. At any other rate a unit is dropped when its 16 random bits are below
// `threshold`, and a block serves 8. The masks depend on the sample's id and not on its place in a batch, so
// they are the same for any number of ranks and any blocking. Nothing is stored: after ReLU and dropout a
// unit is positive exactly where it was active and kept, which is all that the backward pass needs.
#pragma once

#include <cmath>
#include <cstdint>

#include "neumf/random/philox.hpp"

namespace neumf {

struct Dropout {
  std::uint32_t threshold = 0;  // of 65,536; 0 = keep everything
  float keep_scale = 1.0f;      // 1 / (1 - threshold / 65,536)
  std::uint64_t seed = 0;
  std::uint32_t epoch = 0;
  std::uint32_t layer = 0;
  const std::uint32_t* epoch_at = nullptr;  // where the epoch lies on the device, instead of `epoch`

  static constexpr std::uint32_t bits_per_block = 128;

  // `rate` in [0, 1) is rounded to a multiple of 2^-16; the scale uses the rounded rate.
  static Dropout at_rate(float rate, std::uint64_t seed, std::uint32_t epoch, std::uint32_t layer) {
    Dropout dropout{
        static_cast<std::uint32_t>(std::lround(rate * 65536.0f)), 1.0f, seed, epoch, layer, nullptr};
    dropout.threshold = dropout.threshold > 65535u ? 65535u : dropout.threshold;
    dropout.keep_scale = 65536.0f / static_cast<float>(65536u - dropout.threshold);
    return dropout;
  }

  NEUMF_HD bool active() const { return threshold != 0; }
  NEUMF_HD Philox philox() const {
    return {seed, RandomStream::dropout, epoch_at == nullptr ? epoch : *epoch_at};
  }
  // On the device: with the epoch read.
  NEUMF_HD Dropout read() const {
    Dropout dropout = *this;
    if (epoch_at != nullptr) dropout.epoch = *epoch_at;
    dropout.epoch_at = nullptr;
    return dropout;
  }
  // Random bits that decide over a unit.
  NEUMF_HD std::uint32_t unit_bits() const { return threshold == 32768 ? 1 : 16; }
  NEUMF_HD std::uint32_t units_per_block() const { return bits_per_block / unit_bits(); }
  // Third word of the Philox counter for the `block`-th units_per_block() units of this layer.
  NEUMF_HD std::uint32_t word(std::uint32_t block) const { return (layer << 24) | block; }

  // The units' bits follow each other from the lowest bit of the block's first word on.
  NEUMF_HD bool keep(std::uint64_t id, std::uint32_t unit) const {
    const auto block = philox()(id, word(unit / units_per_block()));
    const std::uint32_t bit = unit % units_per_block() * unit_bits();
    const std::uint32_t bits = word_of(block, bit / 32) >> (bit % 32);
    return unit_bits() == 1 ? (bits & 1u) != 0 : (bits & 0xFFFFu) >= threshold;
  }
};

}  // namespace neumf
