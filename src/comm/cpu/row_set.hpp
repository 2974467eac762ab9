// Distinct rows of a table, in ascending order.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace neumf {

class RowSet {
 public:
  // Of rows below `bound`.
  explicit RowSet(std::int64_t bound)
      : touched_(static_cast<std::size_t>((bound + word_bits - 1) / word_bits)) {}

  void add(std::uint32_t row) { touched_[row / word_bits] |= std::uint64_t{1} << row % word_bits; }
  // A bit for each row that was added since the last collect().
  std::span<std::uint64_t> touched() { return touched_; }
  // Makes rows() what was added since the last time.
  void collect() {
    rows_.clear();
    for (std::size_t word = 0; word < touched_.size(); ++word)
      for (std::uint64_t bits = std::exchange(touched_[word], 0); bits != 0; bits &= bits - 1)
        rows_.push_back(static_cast<std::uint32_t>(word * word_bits) +
                        static_cast<std::uint32_t>(std::countr_zero(bits)));
  }
  const std::vector<std::uint32_t>& rows() const { return rows_; }
  std::size_t memory() const {
    return touched_.capacity() * sizeof(std::uint64_t) + rows_.capacity() * sizeof(std::uint32_t);
  }

 private:
  static constexpr std::uint32_t word_bits = 64;

  std::vector<std::uint64_t> touched_;
  std::vector<std::uint32_t> rows_;
};

}  // namespace neumf
