// relu and dropout over rows: the epilogue that the first and the hidden layers share.
#pragma once

#include <cstdint>

#include "dropout.hpp"
#include "neumf/core/types.hpp"
#include "neumf/ops/batch.hpp"

namespace neumf::cpu {

// Applies dropout(relu(.)) to rows [begin, end) of samples. load(s, out) must write the row's values before
// the ReLU (width floats); store(s, row) receives the result.
template <class Load, class Store>
void activate_rows(const BatchView& batch, const Dropout& dropout, std::int64_t width, std::int64_t begin,
                   std::int64_t end, const Load& load, const Store& store) {
  std::vector<float> buffer(static_cast<std::size_t>(width));
  float* row = buffer.data();
  if (!dropout.active()) {
    for (std::int64_t s = begin; s < end; ++s) {
      load(s, row);
#pragma omp simd
      for (std::int64_t k = 0; k < width; ++k) row[k] = row[k] > 0.0f ? row[k] : 0.0f;
      store(s, row);
    }
    return;
  }
  DropoutBits bits(dropout, width);
  const std::int32_t group_size = batch.group_size;
  for (std::int64_t first = begin; first < end; first += bits.rows_per_tile()) {
    const std::int64_t count = std::min(bits.rows_per_tile(), end - first);
    bits.generate(count, [&](std::int64_t r) {
      const std::int64_t s = first + r;
      return batch.ids[s / group_size] + static_cast<std::uint64_t>(s % group_size);
    });
    for (std::int64_t r = 0; r < count; ++r) {
      load(first + r, row);
      const std::uint16_t* random = bits.bits(r);
      const float scale = dropout.keep_scale;
      const auto threshold = static_cast<std::uint16_t>(dropout.threshold);
#pragma omp simd
      for (std::int64_t k = 0; k < width; ++k) {
        const float value = row[k] > 0.0f ? row[k] * scale : 0.0f;
        row[k] = random[k] >= threshold ? value : 0.0f;
      }
      store(first + r, row);
    }
  }
}

}  // namespace neumf::cpu
