// Dropout bits for whole rows at once.
#pragma once

#include <cstdint>
#include <vector>

#include "neumf/random/dropout.hpp"
#include "philox_lanes.hpp"

namespace neumf::cpu {

// Produces, row after row, the random bits of `width` units for the rows' sample ids.
class DropoutBits {
 public:
  DropoutBits(const Dropout& dropout, std::int64_t width);

  // The rows of one call to generate(); more than one where rows are short.
  std::int64_t rows_per_tile() const { return rows_; }
  // Bits for `count` (<= rows_per_tile()) rows, row r having sample id first_id(r).
  template <class Ids>
  void generate(std::int64_t count, const Ids& first_id) {
    std::int64_t n = 0;
    for (std::int64_t row = 0; row < count; ++row) {
      const std::uint64_t id = first_id(row);
      for (std::uint32_t block = 0; block < blocks_; ++block, ++n) {
        c0_[n] = static_cast<std::uint32_t>(id);
        c1_[n] = static_cast<std::uint32_t>(id >> 32);
        c2_[n] = dropout_.word(block);
      }
    }
    philox_lanes(dropout_.philox(), n, c0_.data(), c1_.data(), c2_.data(), out_.data());
  }
  // Of a row, in pieces of 16 bits.
  const std::uint16_t* bits(std::int64_t row) const { return out_.data() + row * blocks_ * pieces_per_block; }

 private:
  static constexpr std::int64_t pieces_per_block = Dropout::bits_per_block / 16;

  Dropout dropout_;
  std::uint32_t blocks_;
  std::int64_t rows_;
  std::vector<std::uint32_t> c0_, c1_, c2_;
  std::vector<std::uint16_t> out_;
};

}  // namespace neumf::cpu
