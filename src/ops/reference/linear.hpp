// Matrix products, and a fully connected layer with ReLU and dropout:
//   y = dropout(relu(x W^T + b))
// and with dz the gradient before the layer's ReLU:
//   dW += dz^T x;   db += sum over samples of dz;   dx = dz W, and before the ReLU that made x:
//   dx where x > 0, times the dropout's 1 / (1 - rate). After ReLU and dropout, x > 0 exactly where the unit
//   was active and kept, so no mask is needed.
#pragma once

#include "activation.hpp"
#include "array.hpp"
#include "traffic.hpp"

namespace neumf::reference {

// c = initial + op(a) op(b)
inline Result matmul(const Array& a, bool transpose_a, const Array& b, bool transpose_b,
                     const Array& initial) {
  Result c(initial);
  const Index depth = transpose_a ? a.rows : a.cols;
  for (Index i = 0; i < initial.rows; ++i)
    for (Index j = 0; j < initial.cols; ++j)
      for (Index k = 0; k < depth; ++k)
        c.add(i, j, (transpose_a ? a(k, i) : a(i, k)) * (transpose_b ? b(j, k) : b(k, j)));
  return c.stored(depth + 1);
}

inline Result linear_forward(const Batch& batch, const Array& x, const Array& weight, const Array& bias,
                             const Dropout& dropout) {
  Result y = matmul(x, false, weight, true, Array(x.rows, weight.rows));  // stored once before the activation
  for (Index s = 0; s < x.rows; ++s)
    for (Index k = 0; k < weight.rows; ++k) {
      y.add(s, k, bias(k));
      activate(dropout, batch.id(s), k, y.value(s, k), y.magnitude(s, k), y.rounded(s, k));
    }
  return y.stored(x.cols + 1);
}

inline Result linear_backward_input(const Array& dz, const Array& weight, const Array& x, double keep_scale) {
  Result dx = matmul(dz, false, weight, false, Array(dz.rows, weight.cols));
  for (Index i = 0; i < dx.value.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const double scale = x.values[at] > 0 ? keep_scale : 0.0;
    dx.value.values[at] *= scale;
    dx.magnitude.values[at] *= scale;
    dx.rounded.values[at] *= scale;
  }
  return dx.stored(dz.cols);
}

struct LinearGradients {
  Result weight, bias;
};

inline LinearGradients linear_backward_weights(const Array& dz, const Array& x, const Array& weight_grad,
                                               const Array& bias_grad) {
  LinearGradients out{matmul(dz, true, x, false, weight_grad), Result(bias_grad)};
  for (Index s = 0; s < dz.rows; ++s)
    for (Index k = 0; k < dz.cols; ++k) out.bias.add(k, 0, dz(s, k));
  out.bias.stored(dz.rows + 1);
  return out;
}

constexpr Traffic linear_forward_traffic(double samples, double in, double out, double T) {
  return {samples * in * T, samples * out * T};
}

// dz and x are read.
constexpr Traffic linear_backward_input_traffic(double samples, double in, double out, double T) {
  return {samples * (in + out) * T, samples * in * T};
}

constexpr Traffic linear_backward_weights_traffic(double samples, double in, double out, double T) {
  return {samples * (in + out) * T, 0};
}

// Multiplications and additions of one product; the backward pass has two.
constexpr double linear_flops(double samples, double in, double out) {
  return 2 * samples * in * out;
}

}  // namespace neumf::reference
