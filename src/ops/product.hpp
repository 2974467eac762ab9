// What a device implements of ops/linear.hpp. Shapes have been checked when it is called, and nothing is
// empty.
#pragma once

#include <cstdint>

#include "neumf/ops/linear.hpp"

namespace neumf::ops {

// c = op(a) op(b), or added to what is in c. op(a) is [m, k], op(b) [k, n]: transposed where told.
template <class T, class Out>
struct Product {
  Matrix<const T> a, b;
  bool transpose_a, transpose_b;
  Write write;
  Matrix<Out> c;

  std::int64_t m() const { return c.rows; }
  std::int64_t n() const { return c.cols; }
  std::int64_t k() const { return transpose_a ? a.rows : a.cols; }
};

namespace device {

template <class Device, class T, class Out>
void multiply(Context<Device>& context, const Product<T, Out>& product);

// The functions of ops/linear.hpp of the same names.
template <class Device, class T>
void linear_forward(Context<Device>& context, const BatchView& batch, Matrix<const T> x,
                    Matrix<const T> weight, const float* bias, const Dropout& dropout, Matrix<T> y);
template <class Device, class T>
void linear_backward_input(Context<Device>& context, Matrix<const T> dz, Matrix<const T> weight,
                           Matrix<const T> x, float keep_scale, Matrix<T> dx);
template <class Device, class T>
void linear_backward_weights(Context<Device>& context, Matrix<const T> dz, Matrix<const T> x,
                             Matrix<float> weight_grad, float* bias_grad);

}  // namespace device
}  // namespace neumf::ops
