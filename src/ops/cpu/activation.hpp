// relu and dropout over rows: the epilogue that the first and the hidden layers share, and its derivative.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dropout.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/core/types.hpp"
#include "neumf/ops/batch.hpp"

namespace neumf::cpu {

// out[s, :] = dropout(relu(.)) for the samples [begin, end). row(s) must return the function of k that gives
// the row's value before the ReLU; it may read the row of `out` itself. What is not a number stays so: an
// overflow must not pass for a unit that is off.
template <class T, class Row>
void activate_rows(const BatchView& batch, const Dropout& dropout, std::int64_t begin, std::int64_t end,
                   const Row& row, Matrix<T> out) {
  const std::int64_t width = out.cols;
  if (!dropout.active()) {
    for (std::int64_t s = begin; s < end; ++s) {
      const auto value = row(s);
      T* to = out.row(s);
#pragma omp simd
      for (std::int64_t k = 0; k < width; ++k) {
        const float z = value(k);
        to[k] = from_float<T>(z <= 0.0f ? 0.0f : z);
      }
    }
    return;
  }
  DropoutBits bits(dropout, width);
  const float scale = dropout.keep_scale;
  const auto threshold = static_cast<std::uint16_t>(dropout.threshold);
  for (std::int64_t first = begin; first < end; first += bits.rows_per_tile()) {
    const std::int64_t count = std::min(bits.rows_per_tile(), end - first);
    bits.generate(count, [&](std::int64_t r) {
      const std::int64_t s = first + r;
      return batch.ids[s / batch.group_size] + static_cast<std::uint64_t>(s % batch.group_size);
    });
    for (std::int64_t r = 0; r < count; ++r) {
      const auto value = row(first + r);
      T* to = out.row(first + r);
      const std::uint16_t* random = bits.bits(r);
      if (dropout.unit_bits() == 1) {
        const auto units = [&](std::int64_t from, std::int64_t n) {
          const std::uint32_t kept = random[from / 16];
#pragma omp simd
          for (std::int64_t i = 0; i < n; ++i) {
            const float z = value(from + i) * scale;
            to[from + i] = from_float<T>(z <= 0.0f || (kept & (1u << i)) == 0 ? 0.0f : z);
          }
        };
        std::int64_t k = 0;
        for (; k + 16 <= width; k += 16) units(k, 16);  // of known length: one vector
        if (k < width) units(k, width - k);
      } else {
#pragma omp simd
        for (std::int64_t k = 0; k < width; ++k) {
          const float z = value(k) * scale;
          to[k] = from_float<T>(z <= 0.0f || random[k] < threshold ? 0.0f : z);
        }
      }
    }
  }
}

// gradient[i] = active[i] > 0 ? gradient[i] * scale : 0
template <class T>
void mask_by_activity(const T* active, float scale, T* gradient, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float scaled = to_float(gradient[i]) * scale;  // before the choice, or the loop has a branch
    gradient[i] = from_float<T>(to_float(active[i]) > 0.0f ? scaled : 0.0f);
  }
}

}  // namespace neumf::cpu
