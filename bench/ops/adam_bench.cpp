// The optimizer over all parameters of the default model. Items are samples of the update that it completes.
#include "neumf/ops/adam.hpp"

#include "measure.hpp"
#include "neumf/ops/step_state.hpp"
#include "registry.hpp"

namespace neumf::bench {
namespace {

template <class Device, class T>
void add_adam(Case<Device, T> c) {
  add<Device>("adam", TypeName<T>::value, c.data, [c](auto& state, auto& context) {
    const std::int64_t n = c.data.model().parameters();
    auto weight = random_tensor<Device, float>(context, n, 1);
    auto gradient = random_tensor<Device, float>(context, n, 1);
    auto m = zeros<Device, float>(context, n), v = zeros<Device, float>(context, n);
    constexpr bool has_copy = !std::is_same_v<T, float>;
    Tensor<T, Device> copy(has_copy ? n : 0);
    const ops::AdamSpec spec;
    ops::StepState host;
    Tensor<ops::StepState, Device> step(1);
    upload(context, std::span<const ops::StepState>(&host, 1), step.data());
    ops::prepare_update(context, spec, {}, 0, step.data());
    // Four arrays are read and written, and the copy is written.
    const Work work{.samples = static_cast<double>(c.data.batch),
                    .bytes = static_cast<double>(n) * (32 + (has_copy ? sizeof(T) : 0))};
    measure(state, context, work, [&] {
      ops::adam_step(context, spec, step.data(), weight.span(), gradient.span(), m.span(), v.span(),
                     copy.span());
    });
  });
}

template <class Device>
void add_check(const DataShape& data) {
  add<Device>("check_finite", "fp32", data, [&data](auto& state, auto& context) {
    const std::int64_t n = data.model().parameters();
    auto gradient = zeros<Device, float>(context, n);
    ops::StepState host;
    Tensor<ops::StepState, Device> step(1);
    upload(context, std::span<const ops::StepState>(&host, 1), step.data());
    const Work work{.samples = static_cast<double>(data.batch), .bytes = static_cast<double>(n) * 4};
    measure(state, context, work, [&] {
      ops::check_finite(context, std::span<const float>(gradient.span()), step.data(), nullptr);
    });
  });
}

}  // namespace

void register_adam() {
  for_each_case([](auto c) { add_adam(c); });
  for_each_device([]<class Device>(Case<Device, float> c) { add_check<Device>(c.data); });
}

}  // namespace neumf::bench
