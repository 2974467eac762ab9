// Binary cross-entropy with logits (ops/head.hpp) over arrays, as vectors.
#pragma once

#include <cmath>
#include <cstdint>

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
#pragma omp simd reduction(+ : loss, gradient)
  for (std::int64_t s = 0; s < n; ++s) {
    const float y = labels[s] != 0 ? 1.0f : 0.0f, e = exp_of_distance(z[s]);
    // sigmoid(z) is 1 / (1 + e) for z >= 0, else e / (1 + e).
    const float sigmoid = (z[s] >= 0.0f ? 1.0f : e) / (1.0f + e);
    d[s] = factor * (sigmoid - y);
    loss += loss_of(z[s], y, e);
    gradient += d[s];
  }
  sum[0] += loss;
  sum[1] += gradient;
}

}  // namespace neumf::cpu
