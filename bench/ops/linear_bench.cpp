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
    const auto samples = static_cast<double>(n);
    const Work work{
        .samples = samples,
        .bytes = reference::linear_forward_traffic(samples, static_cast<double>(layer.in),
                                                   static_cast<double>(layer.out), sizeof(T))
                     .total(),
        .flops =
            reference::linear_flops(samples, static_cast<double>(layer.in), static_cast<double>(layer.out)),
        .product_seconds = product_seconds<Device, T>(context, Product::nt, n, layer.out, layer.in)};
    const Dropout dropout = Dropout::at_rate(rate, 1, 0, 1);
    measure(state, context, work, [&] {
      ops::linear_forward(context, batch.view(), Matrix<const T>(x.matrix()),
                          Matrix<const T>(weight.matrix()), bias.data(), dropout, y.matrix());
    });
  });
}

template <class Device, class T>
void add_backward(Case<Device, T> c, Layer layer) {
  const auto suffix = fmt::format("_{}x{}", layer.in, layer.out);
  add<Device>(
      "linear_backward_input" + suffix, TypeName<T>::value, c.data, [c, layer](auto& state, auto& context) {
        const std::int64_t n = block_groups(context, c.data, group_size) * group_size;
        auto dz = random_tensor<Device, T>(context, n, layer.out);
        auto weight = random_tensor<Device, T>(context, layer.out, layer.in);
        auto x = random_tensor<Device, T>(context, n, layer.in);
        Tensor<T, Device> dx(n, layer.in);
        const auto samples = static_cast<double>(n);
        const Work work{
            .samples = samples,
            .bytes = reference::linear_backward_input_traffic(samples, static_cast<double>(layer.in),
                                                              static_cast<double>(layer.out), sizeof(T))
                         .total(),
            .flops = reference::linear_flops(samples, static_cast<double>(layer.in),
                                             static_cast<double>(layer.out)),
            .product_seconds = product_seconds<Device, T>(context, Product::nn, n, layer.in, layer.out)};
        measure(state, context, work, [&] {
          ops::linear_backward_input(context, Matrix<const T>(dz.matrix()), Matrix<const T>(weight.matrix()),
                                     Matrix<const T>(x.matrix()), 2.0f, dx.matrix());
        });
      });
  add<Device>(
      "linear_backward_weights" + suffix, TypeName<T>::value, c.data, [c, layer](auto& state, auto& context) {
        const std::int64_t n = block_groups(context, c.data, group_size) * group_size;
        auto dz = random_tensor<Device, T>(context, n, layer.out);
        auto x = random_tensor<Device, T>(context, n, layer.in);
        auto weight = zeros<Device, float>(context, layer.out, layer.in);
        auto bias = zeros<Device, float>(context, 1, layer.out);
        const auto samples = static_cast<double>(n);
        const Work work{
            .samples = samples,
            .bytes = reference::linear_backward_weights_traffic(samples, static_cast<double>(layer.in),
                                                                static_cast<double>(layer.out), sizeof(T))
                         .total(),
            .flops = reference::linear_flops(samples, static_cast<double>(layer.in),
                                             static_cast<double>(layer.out)),
            .product_seconds =
                product_seconds<Device, T, float>(context, Product::tn, layer.out, layer.in, n)};
        measure(state, context, work, [&] {
          ops::linear_backward_weights(context, Matrix<const T>(dz.matrix()), Matrix<const T>(x.matrix()),
                                       weight.matrix(), bias.data());
        });
      });
}

}  // namespace

void register_linear() {
  for (const Layer layer : layers) {
    for_each_case([layer](auto c) {
      add_forward(c, layer, 0.0f);
      add_forward(c, layer, 0.5f);
      add_backward(c, layer);
    });
  }
}

}  // namespace neumf::bench
