// The GMF branch with its part of the final layer, forward and backward.
#include "neumf/ops/gmf.hpp"

#include "measure.hpp"
#include "ops/reference/gmf.hpp"
#include "registry.hpp"

namespace neumf::bench {
namespace {

constexpr std::int64_t factors = 64;

template <class Device, class T>
struct Inputs {
  Batch<Device> batch;
  Tensor<T, Device> users, items;
  Tensor<float, Device> weight;
  double groups, samples;

  Inputs(Context<Device>& context, const DataShape& data)
      : batch(training_batch(context, data)),
        users(random_tensor<Device, T>(context, data.users, factors)),
        items(random_tensor<Device, T>(context, data.items, factors)),
        weight(random_tensor<Device, float>(context, 1, factors)),
        groups(static_cast<double>(batch.groups())),
        samples(static_cast<double>(batch.samples())) {}
};

template <class Device, class T>
void add_forward(Case<Device, T> c) {
  add<Device>("gmf_forward", TypeName<T>::value, c.data, [c](auto& state, auto& context) {
    Inputs<Device, T> in(context, c.data);
    auto bias = zeros<Device, float>(context, 1);
    Tensor<float, Device> logits(in.batch.samples());
    const Work work{
        .samples = in.samples,
        .bytes = reference::gmf_forward_traffic(in.groups, in.samples, factors, sizeof(T)).total()};
    measure(state, context, work, [&] {
      ops::gmf_forward(context, in.batch.view(), Matrix<const T>(in.users.matrix()),
                       Matrix<const T>(in.items.matrix()), in.weight.data(), bias.data(), logits.data());
    });
  });
}

template <class Device, class T>
void add_backward(Case<Device, T> c) {
  add<Device>("gmf_backward", TypeName<T>::value, c.data, [c](auto& state, auto& context) {
    Inputs<Device, T> in(context, c.data);
    auto dlogits = random_tensor<Device, float>(context, in.batch.samples(), 1);
    auto user_grad = zeros<Device, float>(context, c.data.users, factors);
    auto item_grad = zeros<Device, float>(context, c.data.items, factors);
    auto weight_grad = zeros<Device, float>(context, 1, factors);
    ops::ScatterPlan<Device> user_plan(in.batch.groups()), item_plan(in.batch.samples());
    ops::plan_scatter(context, in.batch.view().users, in.batch.groups(), c.data.users, user_plan);
    ops::plan_scatter(context, in.batch.view().items, in.batch.samples(), c.data.items, item_plan);
    const Work work{
        .samples = in.samples,
        .bytes = reference::gmf_backward_traffic(in.groups, in.samples, factors, sizeof(T)).total()};
    measure(state, context, work, [&] {
      ops::gmf_backward(context, in.batch.view(), user_plan, item_plan, Matrix<const T>(in.users.matrix()),
                        Matrix<const T>(in.items.matrix()), in.weight.data(), dlogits.data(),
                        user_grad.matrix(), item_grad.matrix(), weight_grad.data());
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
