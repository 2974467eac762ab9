// The MLP's part of the final layer: with loss and gradient for training, alone for scoring.
#include "neumf/ops/head.hpp"

#include "measure.hpp"
#include "ops/reference/head.hpp"
#include "registry.hpp"

namespace neumf::bench {
namespace {

constexpr std::int64_t width = 64;

template <class Device, class T>
void add_head(Case<Device, T> c) {
  add<Device>("head_forward", TypeName<T>::value, c.data, [c](auto& state, auto& context) {
    const std::int64_t n = block_groups(context, c.data, group_size) * group_size;
    auto h = random_tensor<Device, T>(context, n, width);
    auto weight = random_tensor<Device, float>(context, 1, width);
    auto logits = zeros<Device, float>(context, n);
    const auto samples = static_cast<double>(n);
    measure(state, context,
            {.samples = samples, .bytes = reference::head_forward_traffic(samples, width, sizeof(T)).total()},
            [&] { ops::head_forward(context, Matrix<const T>(h.matrix()), weight.data(), logits.data()); });
  });
  add<Device>("head_loss", TypeName<T>::value, c.data, [c](auto& state, auto& context) {
    const auto batch = training_batch(context, c.data);
    auto h = random_tensor<Device, T>(context, batch.samples(), width);
    Tensor<T, Device> dh(batch.samples(), width);
    auto weight = random_tensor<Device, float>(context, 1, width);
    auto weight_grad = zeros<Device, float>(context, 1, width);
    auto bias_grad = zeros<Device, float>(context, 1), loss_scale = zeros<Device, float>(context, 1);
    auto logits = zeros<Device, float>(context, batch.samples());
    Tensor<float, Device> dlogits(batch.samples());
    auto loss = zeros<Device, double>(context, 1);
    const auto samples = static_cast<double>(batch.samples());
    const Work work{.samples = samples,
                    .bytes = reference::head_loss_traffic(samples, width, sizeof(T)).total()};
    measure(state, context, work, [&] {
      ops::head_loss(context, Matrix<const T>(h.matrix()), weight.data(), batch.view().labels, 1e-6f,
                     loss_scale.data(), 2.0f, logits.data(), dlogits.data(), dh.matrix(), weight_grad.data(),
                     bias_grad.data(), loss.data());
    });
  });
}

template <class Device>
void add_loss(const DataShape& data) {
  add<Device>("bce_loss", "fp32", data, [&data](auto& state, auto& context) {
    const auto batch = training_batch(context, data);
    auto logits = random_tensor<Device, float>(context, batch.samples(), 1);
    auto loss = zeros<Device, double>(context, 1);
    const auto samples = static_cast<double>(batch.samples());
    measure(state, context, {.samples = samples, .bytes = reference::bce_loss_traffic(samples).total()}, [&] {
      ops::bce_loss(context, batch.samples(), logits.data(), batch.view().labels, loss.data());
    });
  });
}

}  // namespace

void register_head() {
  for_each_case([](auto c) { add_head(c); });
  for_each_device([]<class Device>(Case<Device, float> c) { add_loss<Device>(c.data); });
}

}  // namespace neumf::bench
