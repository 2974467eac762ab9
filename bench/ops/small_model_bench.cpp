// Forward and backward pass of the paper's smallest model on a block: in one piece (ops/whole_step.hpp, CPU)
// and operation by operation.
#include <span>
#include <type_traits>

#include "inputs.hpp"
#include "measure.hpp"
#include "neumf/nn/neumf_model.hpp"
#include "ops/reference/whole_step.hpp"
#include "registry.hpp"

namespace neumf::bench {
namespace {

template <class Device, class T>
void add_step(Case<Device, T> c, bool in_one_piece) {
  const auto name = in_one_piece ? "small_model" : "small_model_by_operation";
  add<Device>(name, TypeName<T>::value, c.data, [c, in_one_piece](auto& state, auto& context) {
    const ModelShape shape{c.data.users, c.data.items, 8, {64, 32, 16, 8}};
    Parameters<Device, T> parameters(context, shape, shape.users);
    parameters.initialise(context, 1, 0);
    const auto batch = training_batch(context, c.data);
    NeuMF<Device, T> model(parameters, shape, batch.groups(), group_size, true);
    if (!in_one_piece) model.go_by_operation();
    model.begin_step(context, batch.samples());
    ops::StepState initial;
    initial.loss_factor = 1.0f / 1024;
    Tensor<ops::StepState, Device> step(1);
    upload(context, std::span<const ops::StepState>(&initial, 1), step.data());
    const auto samples = static_cast<double>(batch.samples()), groups = static_cast<double>(batch.groups());
    const Work work{.samples = samples,
                    .bytes = reference::whole_step_traffic(groups, samples, 32 + 8, sizeof(T)).total(),
                    .flops = samples * shape.flops_per_sample()};
    measure(state, context, work, [&] {
      if (model.in_one_piece()) {
        model.run_in_one_piece(context, batch.view(), Dropout{}, step.data());
        return;
      }
      model.forward(context, batch.view(), Dropout{}, step.data());
      model.backward(context, batch.view(), Dropout{});
    });
  });
}

}  // namespace

void register_small_model() {
  for_each_case([]<class Device, class T>(Case<Device, T> c) {
    if constexpr (std::is_same_v<Device, Cpu>) add_step(c, true);
    add_step(c, false);
  });
}

}  // namespace neumf::bench
