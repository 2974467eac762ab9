// What matrix products and layers have in common on all devices: their shapes are checked, and what is empty
// needs no device.
#include "neumf/ops/linear.hpp"

#include "instantiate.hpp"
#include "neumf/core/error.hpp"
#include "neumf/ops/memory.hpp"
#include "product.hpp"

namespace neumf::ops {
namespace {

template <class T, class Out>
void check(const Product<T, Out>& p) {
  const std::int64_t m = p.transpose_a ? p.a.cols : p.a.rows, n = p.transpose_b ? p.b.rows : p.b.cols;
  const std::int64_t k_of_b = p.transpose_b ? p.b.cols : p.b.rows;
  require(p.k() == k_of_b && p.c.rows == m && p.c.cols == n,
          "matrix product of mismatched shapes: [{}, {}] x [{}, {}] -> [{}, {}]", m, p.k(), k_of_b, n,
          p.c.rows, p.c.cols);
}

template <class T>
void check_same(const char* a_name, Matrix<T> a, const char* b_name, Matrix<T> b) {
  require(a.rows == b.rows && a.cols == b.cols, "{} of shape [{}, {}], but {} of shape [{}, {}]", a_name,
          a.rows, a.cols, b_name, b.rows, b.cols);
}

template <class Device, class T, class Out>
void multiply(Context<Device>& context, const Product<T, Out>& product) {
  check(product);
  if (product.c.size() == 0) return;
  if (product.k() > 0) return device::multiply(context, product);
  // Sums over nothing.
  if (product.write == Write::overwrite)
    fill_zero(context, std::span<Out>(product.c.data, static_cast<std::size_t>(product.c.size())));
}

}  // namespace

template <class Device, class T, class Out>
void matmul_nt(Context<Device>& context, Matrix<const T> a, Matrix<const T> b, Write write, Matrix<Out> c) {
  multiply(context, Product<T, Out>{a, b, false, true, write, c});
}

template <class Device, class T, class Out>
void matmul_nn(Context<Device>& context, Matrix<const T> a, Matrix<const T> b, Write write, Matrix<Out> c) {
  multiply(context, Product<T, Out>{a, b, false, false, write, c});
}

template <class Device, class T, class Out>
void matmul_tn(Context<Device>& context, Matrix<const T> a, Matrix<const T> b, Write write, Matrix<Out> c) {
  multiply(context, Product<T, Out>{a, b, true, false, write, c});
}

template <class Device, class T>
void linear_forward(Context<Device>& context, const BatchView& batch, Matrix<const T> x,
                    Matrix<const T> weight, const float* bias, const Dropout& dropout, Matrix<T> y) {
  check(Product<T, T>{x, weight, false, true, Write::overwrite, y});
  require(batch.samples() == x.rows, "a layer of {} rows for a block of {} samples", x.rows, batch.samples());
  require(weight.size() > 0, "a layer of {} units with {} inputs", weight.rows, weight.cols);
  if (y.rows > 0) device::linear_forward(context, batch, x, weight, bias, dropout, y);
}

template <class Device, class T>
void linear_backward_input(Context<Device>& context, Matrix<const T> dz, Matrix<const T> weight,
                           Matrix<const T> x, float keep_scale, Matrix<T> dx) {
  check(Product<T, T>{dz, weight, false, false, Write::overwrite, dx});
  check_same("a layer's input", x, "its gradient", Matrix<const T>(dx));
  require(weight.size() > 0, "a layer of {} units with {} inputs", weight.rows, weight.cols);
  if (dx.rows > 0) device::linear_backward_input(context, dz, weight, x, keep_scale, dx);
}

template <class Device, class T>
void linear_backward_weights(Context<Device>& context, Matrix<const T> dz, Matrix<const T> x,
                             Matrix<float> weight_grad, float* bias_grad) {
  check(Product<T, float>{dz, x, true, false, Write::accumulate, weight_grad});
  require(weight_grad.size() > 0, "a layer of {} units with {} inputs", weight_grad.rows, weight_grad.cols);
  if (dz.rows > 0) device::linear_backward_weights(context, dz, x, weight_grad, bias_grad);
}

#define NEUMF_INSTANTIATE_PRODUCT(DEVICE, T, OUT)                                                    \
  template void matmul_nt<DEVICE, T, OUT>(Context<DEVICE>&, Matrix<const T>, Matrix<const T>, Write, \
                                          Matrix<OUT>);                                              \
  template void matmul_nn<DEVICE, T, OUT>(Context<DEVICE>&, Matrix<const T>, Matrix<const T>, Write, \
                                          Matrix<OUT>);                                              \
  template void matmul_tn<DEVICE, T, OUT>(Context<DEVICE>&, Matrix<const T>, Matrix<const T>, Write, \
                                          Matrix<OUT>);
#define NEUMF_INSTANTIATE_DEVICE(DEVICE)                    \
  NEUMF_FOR_EACH_PRODUCT(NEUMF_INSTANTIATE_PRODUCT, DEVICE) \
  NEUMF_FOR_EACH_TYPE(NEUMF_LINEAR, DEVICE)
NEUMF_INSTANTIATE_DEVICE(Cpu)
#ifdef NEUMF_WITH_CUDA
NEUMF_INSTANTIATE_DEVICE(Cuda)
#endif

}  // namespace neumf::ops
