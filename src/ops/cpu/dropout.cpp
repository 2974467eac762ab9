#include "dropout.hpp"

#include <algorithm>

namespace neumf::cpu {

DropoutBits::DropoutBits(const Dropout& dropout, std::int64_t width)
    : dropout_(dropout),
      blocks_(static_cast<std::uint32_t>((width + Dropout::units_per_block - 1) / Dropout::units_per_block)),
      rows_(std::max<std::int64_t>(1, 32 / blocks_)) {
  const auto lanes = static_cast<std::size_t>(rows_ * blocks_);
  c0_.resize(lanes);
  c1_.resize(lanes);
  c2_.resize(lanes);
  out_.resize(lanes * Dropout::units_per_block);
}

void DropoutBits::run(std::int64_t n) {
  const Philox philox = dropout_.philox();
  const std::uint32_t* __restrict in0 = c0_.data();
  const std::uint32_t* __restrict in1 = c1_.data();
  const std::uint32_t* __restrict in2 = c2_.data();
  std::uint16_t* __restrict out = out_.data();
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint32_t x0 = in0[i], x1 = in1[i], x2 = in2[i], x3 = philox.counter3;
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
    // Low half first, as in Dropout::keep.
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

}  // namespace neumf::cpu
