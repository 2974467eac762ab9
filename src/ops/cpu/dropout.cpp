#include "dropout.hpp"

#include <algorithm>

namespace neumf::cpu {

DropoutBits::DropoutBits(const Dropout& dropout, std::int64_t width)
    : dropout_(dropout),
      blocks_(
          static_cast<std::uint32_t>((width + dropout.units_per_block() - 1) / dropout.units_per_block())),
      rows_(std::max<std::int64_t>(1, 64 / blocks_)) {
  const auto lanes = static_cast<std::size_t>(rows_ * blocks_);
  c0_.resize(lanes);
  c1_.resize(lanes);
  c2_.resize(lanes);
  out_.resize(lanes * pieces_per_block);
}

}  // namespace neumf::cpu
