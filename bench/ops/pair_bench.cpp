// The first layer's join of the user half and the item half, forward with and without dropout, and backward.
#include "neumf/ops/pair.hpp"

#include "measure.hpp"
#include "neumf/random/dropout.hpp"
#include "ops/reference/pair.hpp"
#include "registry.hpp"

namespace neumf::bench {
namespace {

constexpr std::int64_t hidden = 256;

template <class Device, class T>
void add_forward(Case<Device, T> c, float rate) {
  add<Device>(rate > 0 ? "pair_forward_dropout" : "pair_forward", TypeName<T>::value, c.data,
              [c, rate](auto& state, auto& context) {
                const auto batch = training_batch(context, c.data);
                auto users = random_tensor<Device, T>(context, batch.groups(), hidden);
                auto items = random_tensor<Device, T>(context, c.data.items, hidden);
                auto bias = random_tensor<Device, float>(context, 1, hidden);
                Tensor<T, Device> out(batch.samples(), hidden);
                const Dropout dropout = Dropout::at_rate(rate, 1, 0, 0);
                const auto samples = static_cast<double>(batch.samples());
                const auto groups = static_cast<double>(batch.groups());
                const Work work{
                    .samples = samples,
                    .bytes = reference::pair_forward_traffic(groups, samples, hidden, sizeof(T)).total()};
                measure(state, context, work, [&] {
                  ops::pair_forward(context, batch.view(), Matrix<const T>(users.matrix()),
                                    Matrix<const T>(items.matrix()), batch.view().items, bias.data(), dropout,
                                    out.matrix());
                });
              });
}

template <class Device, class T>
void add_backward(Case<Device, T> c) {
  add<Device>("pair_backward", TypeName<T>::value, c.data, [c](auto& state, auto& context) {
    const std::int64_t n = block_groups(context, c.data, group_size);
    auto dz = random_tensor<Device, T>(context, n * group_size, hidden);
    Tensor<T, Device> sums(n, hidden);
    auto bias = zeros<Device, float>(context, 1, hidden);
    const auto groups = static_cast<double>(n);
    const Work work{
        .samples = groups * group_size,
        .bytes = reference::pair_backward_traffic(groups, groups * group_size, hidden, sizeof(T)).total()};
    measure(state, context, work, [&] {
      ops::pair_backward(context, group_size, Matrix<const T>(dz.matrix()), sums.matrix(), bias.data());
    });
  });
}

}  // namespace

void register_pair() {
  for_each_case([](auto c) {
    add_forward(c, 0.0f);
    add_forward(c, 0.5f);
    add_backward(c);
  });
}

}  // namespace neumf::bench
