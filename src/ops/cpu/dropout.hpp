// Dropout bits for whole rows at once.
#pragma once

#include <algorithm>
#include <cstdint>

#include "neumf/random/dropout.hpp"
#include "philox_lanes.hpp"

namespace neumf::cpu {

// Produces, row after row, the random bits of `width` units for the rows' sample ids.
class DropoutBits {
 public:
  DropoutBits(const Dropout& dropout, std::int64_t width)
      : dropout_(dropout),
        blocks_((width + dropout.units_per_block() - 1) / dropout.units_per_block()),
        rows_(std::max<std::int64_t>(1, 64 / blocks_)),
        lanes_(dropout.philox(), rows_ * blocks_) {}

  // The rows of one call to generate(); more than one where rows are short.
  std::int64_t rows_per_tile() const { return rows_; }
  // Bits for `count` (<= rows_per_tile()) rows, row r having sample id first_id(r).
  template <class Ids>
  void generate(std::int64_t count, const Ids& first_id) {
    for (std::int64_t row = 0; row < count; ++row) {
      const std::uint64_t id = first_id(row);
      for (std::int64_t block = 0; block < blocks_; ++block)
        lanes_.set(row * blocks_ + block, id, dropout_.word(static_cast<std::uint32_t>(block)));
    }
    lanes_.draw(count * blocks_);
  }
  // Of a row, in pieces of 16 bits.
  const std::uint16_t* bits(std::int64_t row) const { return lanes_.pieces(row * blocks_); }

 private:
  Dropout dropout_;
  std::int64_t blocks_, rows_;
  PhiloxLanes lanes_;
};

}  // namespace neumf::cpu
