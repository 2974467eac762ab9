// Binary cross-entropy with logits (ops/head.hpp) over arrays, as vectors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "lanes.hpp"
#include "vector_math.hpp"

namespace neumf::cpu {

// log(1 + exp(z)) - z y, from e = exp(-|z|)
inline float loss_of(float z, float y, float e) {
  return (z > 0.0f ? z : 0.0f) - z * y + log1p_of_unit(e);
}

inline float exp_of_distance(float z) {
  return exp_of_negative(-std::fabs(z));
}

// d = factor (sigmoid(z) - y) for n samples; adds the losses to sum[0] and d to sum[1].
inline void loss_and_gradient(const float* z, const std::uint8_t* labels, float factor, std::int64_t n,
                              float* d, double* sum) {
  double loss = 0, gradient = 0;
  for (std::int64_t first = 0; first < n; first += lanes) {
    // Whole vectors: what remains of a short row would take longer than all the rest.
    const std::int64_t count = std::min(n - first, lanes);
    float logits[lanes] = {}, losses[lanes], gradients[lanes];
    std::uint8_t positive[lanes] = {};
    std::copy_n(z + first, count, logits);
    std::copy_n(labels + first, count, positive);
#pragma omp simd
    for (std::int64_t i = 0; i < lanes; ++i) {
      const float x = logits[i], y = positive[i] != 0 ? 1.0f : 0.0f, e = exp_of_distance(x);
      // sigmoid(z) is 1 / (1 + e) for z >= 0, else e / (1 + e).
      const float sigmoid = (x >= 0.0f ? 1.0f : e) / (1.0f + e);
      gradients[i] = i < count ? factor * (sigmoid - y) : 0.0f;
      losses[i] = i < count ? loss_of(x, y, e) : 0.0f;
    }
    std::copy_n(gradients, count, d + first);
    loss += sum_of(load(losses, lanes));
    gradient += sum_of(load(gradients, lanes));
  }
  sum[0] += loss;
  sum[1] += gradient;
}

}  // namespace neumf::cpu
