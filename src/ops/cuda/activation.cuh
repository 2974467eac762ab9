// relu and dropout of a lane's V columns.
#pragma once

#include <cstdint>

#include "neumf/random/dropout.hpp"

namespace neumf::cuda {

// values = dropout(relu(values)) of units [column, column + V) of sample `id`. With V = 8 the columns lie in
// one Philox block, since `column` is a multiple of 8. What is not a number stays so: an overflow must not
// pass for a unit that is off.
template <int V>
__device__ __forceinline__ void activate(const Dropout& dropout, std::uint64_t id, std::int64_t column,
                                         float (&values)[V]) {
#pragma unroll
  for (int i = 0; i < V; ++i) values[i] = values[i] <= 0.0f ? 0.0f : values[i];
  if (!dropout.active()) return;
  if constexpr (V == 8) {
    const auto unit = static_cast<std::uint32_t>(column);
    const auto block = dropout.philox()(id, dropout.word(unit / dropout.units_per_block()));
    if (dropout.unit_bits() == 1) {
      const std::uint32_t bit = unit % Dropout::bits_per_block;
      const std::uint32_t kept = word_of(block, bit / 32) >> (bit % 32);
#pragma unroll
      for (int i = 0; i < V; ++i) values[i] = ((kept >> i) & 1u) != 0 ? values[i] * dropout.keep_scale : 0.0f;
      return;
    }
#pragma unroll
    for (int i = 0; i < V; ++i) {
      const std::uint32_t random = (block.v[i / 2] >> (16 * (i % 2))) & 0xFFFFu;
      values[i] = random >= dropout.threshold ? values[i] * dropout.keep_scale : 0.0f;
    }
  } else {
#pragma unroll
    for (int i = 0; i < V; ++i)
      values[i] =
          dropout.keep(id, static_cast<std::uint32_t>(column + i)) ? values[i] * dropout.keep_scale : 0.0f;
  }
}

}  // namespace neumf::cuda
