// Dropout as a function of (seed, epoch, layer, sample id, unit); shared by both devices.
//
// A unit is dropped when its 16 random bits are below `threshold`. One Philox block serves 8 neighbouring
// units. The masks depend on the sample's id and not on its place in a batch, so they are the same for any
// number of ranks and any blocking. Nothing is stored: after ReLU and dropout a unit is positive exactly
// where it was active and kept, which is all that the backward pass needs.
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

  static constexpr std::uint32_t units_per_block = 8;

  // `rate` in [0, 1) is rounded to a multiple of 2^-16; the scale uses the rounded rate.
  static Dropout at_rate(float rate, std::uint64_t seed, std::uint32_t epoch, std::uint32_t layer) {
    Dropout dropout{static_cast<std::uint32_t>(std::lround(rate * 65536.0f)), 1.0f, seed, epoch, layer};
    dropout.threshold = dropout.threshold > 65535u ? 65535u : dropout.threshold;
    dropout.keep_scale = 65536.0f / static_cast<float>(65536u - dropout.threshold);
    return dropout;
  }

  NEUMF_HD bool active() const { return threshold != 0; }
  NEUMF_HD Philox philox() const { return {seed, RandomStream::dropout, epoch}; }
  // Third word of the Philox counter for units [8 * block, 8 * block + 8) of this layer.
  NEUMF_HD std::uint32_t word(std::uint32_t block) const { return (layer << 24) | block; }

  NEUMF_HD bool keep(std::uint64_t id, std::uint32_t unit) const {
    const auto bits = philox()(id, word(unit / units_per_block));
    const std::uint32_t lane = unit % units_per_block;
    return ((bits.v[lane / 2] >> (16 * (lane % 2))) & 0xFFFFu) >= threshold;
  }
};

}  // namespace neumf
