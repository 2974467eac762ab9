// Matrix products and fully connected layers.
#pragma once

#include "neumf/core/context.hpp"
#include "neumf/core/types.hpp"
#include "neumf/ops/batch.hpp"
#include "neumf/random/dropout.hpp"

namespace neumf::ops {

// Whether a result replaces what is there or is added to it.
enum class Write { overwrite, accumulate };

// c = a b^T.   a [m, k], b [n, k], c [m, n].   A layer's forward product, b being its weights.
template <class Device, class T, class Out>
void matmul_nt(Context<Device>& context, Matrix<const T> a, Matrix<const T> b, Write write, Matrix<Out> c);
// c = a b.     a [m, k], b [k, n], c [m, n].   The gradient of a layer's input.
template <class Device, class T, class Out>
void matmul_nn(Context<Device>& context, Matrix<const T> a, Matrix<const T> b, Write write, Matrix<Out> c);
// c = a^T b.   a [k, m], b [k, n], c [m, n].   The gradient of a layer's weights.
template <class Device, class T, class Out>
void matmul_tn(Context<Device>& context, Matrix<const T> a, Matrix<const T> b, Write write, Matrix<Out> c);

// y = dropout(relu(x weight^T + bias)).  x [n, in], weight [out, in], bias [out], y [n, out].
// `batch` tells the sample ids that key the dropout (n = batch.samples()).
template <class Device, class T>
void linear_forward(Context<Device>& context, const BatchView& batch, Matrix<const T> x,
                    Matrix<const T> weight, const float* bias, const Dropout& dropout, Matrix<T> y);

// dx = (dz weight) masked by where x > 0 and scaled by keep_scale: the gradient before the ReLU of the layer
// that produced x by ReLU and dropout.  dz [n, out], weight [out, in], x and dx [n, in].
template <class Device, class T>
void linear_backward_input(Context<Device>& context, Matrix<const T> dz, Matrix<const T> weight,
                           Matrix<const T> x, float keep_scale, Matrix<T> dx);

// weight_grad += dz^T x and bias_grad += column sums of dz.  weight_grad [out, in], bias_grad [out].
template <class Device, class T>
void linear_backward_weights(Context<Device>& context, Matrix<const T> dz, Matrix<const T> x,
                             Matrix<float> weight_grad, float* bias_grad);

}  // namespace neumf::ops
