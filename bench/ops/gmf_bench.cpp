// The GMF branch with its part of the final layer, forward and backward.
#include "neumf/ops/gmf.hpp"

#include "measure.hpp"
#include "registry.hpp"

namespace neumf::bench {
namespace {

constexpr std::int64_t factors = 64;

template <class Device, class T>
void add_forward(Case<Device, T> c) {
  add<Device>("gmf_forward", TypeName<T>::value, c.data, [c](auto& state, auto& context) {
    const Batch<Device> batch(context, c.data, block_groups(context, c.data, group_size), group_size);
    auto users = random_tensor<Device, T>(context, c.data.users, factors);
    auto items = random_tensor<Device, T>(context, c.data.items, factors);
    auto weight = random_tensor<Device, float>(context, 1, factors);
    auto bias = zeros<Device, float>(context, 1);
    Tensor<float, Device> logits(batch.samples());
    const auto samples = static_cast<double>(batch.samples()), groups = static_cast<double>(batch.groups());
    const Work work{.samples = samples,
                    .bytes = (groups + samples) * (factors * sizeof(T) + 4) + 4 * samples};
    measure(state, context, work, [&] {
      ops::gmf_forward(context, batch.view(), Matrix<const T>(users.matrix()),
                       Matrix<const T>(items.matrix()), weight.data(), bias.data(), logits.data());
    });
  });
}

template <class Device, class T>
void add_backward(Case<Device, T> c) {
  add<Device>("gmf_backward", TypeName<T>::value, c.data, [c](auto& state, auto& context) {
    const Batch<Device> batch(context, c.data, block_groups(context, c.data, group_size), group_size);
    auto users = random_tensor<Device, T>(context, c.data.users, factors);
    auto items = random_tensor<Device, T>(context, c.data.items, factors);
    auto weight = random_tensor<Device, float>(context, 1, factors);
    auto dlogits = random_tensor<Device, float>(context, batch.samples(), 1);
    auto user_grad = zeros<Device, float>(context, c.data.users, factors);
    auto item_grad = zeros<Device, float>(context, c.data.items, factors);
    auto weight_grad = zeros<Device, float>(context, 1, factors);
    ops::ScatterPlan<Device> user_plan(batch.groups()), item_plan(batch.samples());
    ops::plan_scatter(context, batch.view().users, batch.groups(), c.data.users, user_plan);
    ops::plan_scatter(context, batch.view().items, batch.samples(), c.data.items, item_plan);
    const auto samples = static_cast<double>(batch.samples()), groups = static_cast<double>(batch.groups());
    // Both rows are read; their fp32 gradients are read and written.
    const Work work{.samples = samples, .bytes = (groups + samples) * factors * (sizeof(T) + 8.0)};
    measure(state, context, work, [&] {
      ops::gmf_backward(context, batch.view(), user_plan, item_plan, Matrix<const T>(users.matrix()),
                        Matrix<const T>(items.matrix()), weight.data(), dlogits.data(), user_grad.matrix(),
                        item_grad.matrix(), weight_grad.data());
    });
  });
}

}  // namespace

void register_gmf() {
  for_each_case([](auto c) {
    add_forward(c);
    add_backward(c);
  });
}

}  // namespace neumf::bench
