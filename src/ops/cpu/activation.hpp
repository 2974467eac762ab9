// relu and dropout over rows: the epilogue that the first and the hidden layers share.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "dropout.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/core/types.hpp"
#include "neumf/ops/batch.hpp"
#include "vector.hpp"

namespace neumf::cpu {

// out[s, :] = dropout(relu(.)) for the samples [begin, end). load(s, row) must write the row's values before
// the ReLU; `row` is the row of `out` itself where that holds floats.
template <class T, class Load>
void activate_rows(const BatchView& batch, const Dropout& dropout, std::int64_t begin, std::int64_t end,
                   const Load& load, Matrix<T> out) {
  const std::int64_t width = out.cols;
  std::vector<float> buffer(static_cast<std::size_t>(width));
  const auto target = [&](std::int64_t s) {
    if constexpr (std::is_same_v<T, float>)
      return out.row(s);
    else
      return buffer.data();
  };
  const auto store = [&](std::int64_t s, const float* row) {
    narrow(row, out.row(s), static_cast<std::size_t>(width));
  };
  if (!dropout.active()) {
    for (std::int64_t s = begin; s < end; ++s) {
      float* row = target(s);
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
      float* row = target(first + r);
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
