// The hidden layers of the default model, forward with and without dropout, and backward. Their ceiling is
// the matrix product alone.
#include "neumf/ops/linear.hpp"

#include "measure.hpp"
#include "neumf/random/dropout.hpp"
#include "ops/reference/linear.hpp"
#include "registry.hpp"

namespace neumf::bench {
namespace {

struct Layer {
  std::int64_t in, out;
};
constexpr Layer layers[] = {{256, 128}, {128, 64}};

// The work on n samples; `traffic` is that of the operation, `product_seconds` the time of its product alone.
template <class T>
Work layer_work(Layer layer, std::int64_t n, reference::Traffic (*traffic)(double, double, double, double),
                double product_seconds) {
  const auto samples = static_cast<double>(n), in = static_cast<double>(layer.in),
             out = static_cast<double>(layer.out);
  return {.samples = samples,
          .bytes = traffic(samples, in, out, sizeof(T)).total(),
          .flops = reference::linear_flops(samples, in, out),
          .product_seconds = product_seconds};
}

template <class Device, class T>
void add_forward(Case<Device, T> c, Layer layer, float rate) {
  const auto name = fmt::format("linear_forward{}_{}x{}", rate > 0 ? "_dropout" : "", layer.in, layer.out);
  add<Device>(name, TypeName<T>::value, c.data, [c, layer, rate](auto& state, auto& context) {
    const auto batch = training_batch(context, c.data);
    const std::int64_t n = batch.samples();
    auto x = random_tensor<Device, T>(context, n, layer.in);
    auto weight = random_tensor<Device, T>(context, layer.out, layer.in);
    auto bias = random_tensor<Device, float>(context, 1, layer.out);
    Tensor<T, Device> y(n, layer.out);
    const double product = product_seconds<Device, T>(context, Product::nt, n, layer.out, layer.in);
    const Dropout dropout = Dropout::at_rate(rate, 1, 0, 1);
    measure(state, context, layer_work<T>(layer, n, reference::linear_forward_traffic, product), [&] {
      ops::linear_forward(context, batch.view(), Matrix<const T>(x.matrix()),
                          Matrix<const T>(weight.matrix()), bias.data(), dropout, y.matrix());
    });
  });
}

// Registers `body(state, context, n, dz, x)` for n samples, with the gradient and the input of the layer.
template <class Device, class T, class Body>
void add_backward(const char* name, Case<Device, T> c, Layer layer, Body body) {
  add<Device>(fmt::format("{}_{}x{}", name, layer.in, layer.out), TypeName<T>::value, c.data,
              [c, layer, body](auto& state, auto& context) {
                const std::int64_t n = block_groups(context, c.data, group_size) * group_size;
                const auto dz = random_tensor<Device, T>(context, n, layer.out);
                const auto x = random_tensor<Device, T>(context, n, layer.in);
                body(state, context, n, dz.matrix(), x.matrix());
              });
}

template <class Device, class T>
void add_backward_input(Case<Device, T> c, Layer layer) {
  add_backward(
      "linear_backward_input", c, layer,
      [layer](auto& state, auto& context, std::int64_t n, Matrix<const T> dz, Matrix<const T> x) {
        auto weight = random_tensor<Device, T>(context, layer.out, layer.in);
        Tensor<T, Device> dx(n, layer.in);
        const double product = product_seconds<Device, T>(context, Product::nn, n, layer.in, layer.out);
        measure(
            state, context, layer_work<T>(layer, n, reference::linear_backward_input_traffic, product), [&] {
              ops::linear_backward_input(context, dz, Matrix<const T>(weight.matrix()), x, 2.0f, dx.matrix());
            });
      });
}

template <class Device, class T>
void add_backward_weights(Case<Device, T> c, Layer layer) {
  add_backward("linear_backward_weights", c, layer,
               [layer](auto& state, auto& context, std::int64_t n, Matrix<const T> dz, Matrix<const T> x) {
                 auto weight = zeros<Device, float>(context, layer.out, layer.in);
                 auto bias = zeros<Device, float>(context, 1, layer.out);
                 const double product =
                     product_seconds<Device, T, float>(context, Product::tn, layer.out, layer.in, n);
                 measure(state, context,
                         layer_work<T>(layer, n, reference::linear_backward_weights_traffic, product),
                         [&] { ops::linear_backward_weights(context, dz, x, weight.matrix(), bias.data()); });
               });
}

}  // namespace

void register_linear() {
  for (const Layer layer : layers) {
    for_each_case([layer](auto c) {
      add_forward(c, layer, 0.0f);
      add_forward(c, layer, 0.5f);
      add_backward_input(c, layer);
      add_backward_weights(c, layer);
    });
  }
}

}  // namespace neumf::bench
