// The optimizer over all parameters of the default model. Items are samples of the update that it completes.
#include "neumf/ops/adam.hpp"

#include <algorithm>

#include "inputs.hpp"
#include "measure.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/ops/step_state.hpp"
#include "neumf/train/weight_update.hpp"
#include "ops/reference/adam.hpp"
#include "ops/reference/step_state.hpp"
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
    const Work work{
        .samples = static_cast<double>(c.data.batch),
        .bytes = reference::adam_traffic(static_cast<double>(n), has_copy ? sizeof(T) : 0).total()};
    measure(state, context, work, [&] {
      ops::adam_step(context, spec, step.data(), weight.span(), gradient.span(), m.span(), v.span(),
                     copy.span());
    });
  });
}

// Gradients that keep the rows of a block moving, as those of a backward pass do.
template <class T>
void fill_gradients(Parameters<Cpu, T>& parameters, const BatchView& block) {
  const auto& layout = parameters.layout();
  const auto fill = [&](const Segment& table, const std::uint32_t* rows, std::int64_t n) {
    const Matrix<float> gradient = parameters.gradient(table);
    for (std::int64_t i = 0; i < n; ++i) std::fill_n(gradient.row(rows[i]), gradient.cols, 1e-5f);
  };
  for (const Segment* table : {&layout.user_gmf, &layout.user_mlp}) fill(*table, block.users, block.groups);
  for (const Segment* table : {&layout.item_gmf, &layout.item_mlp})
    fill(*table, block.items, block.samples());
}

// The updates of small batches, which read few rows: all rows at once, or those that nobody reads deferred
// (ops/deferred_adam.hpp).
template <class T>
void add_small_batch(Case<Cpu, T> c, bool deferred) {
  const auto name = deferred ? "adam_small_batch_deferred" : "adam_small_batch";
  add<Cpu>(name, TypeName<T>::value, c.data, [c, deferred](auto& state, auto& context) {
    constexpr std::int64_t groups = 204, batches = 64;  // of 1,020 samples
    const ModelShape shape = c.data.model();
    Parameters<Cpu, T> parameters(context, shape, c.data.users);
    parameters.initialise(context, 1, 0);
    const Batch<Cpu> all(context, c.data, batches * groups, group_size);
    WeightUpdate<Cpu, T> update(
        parameters, Optimizer::adam,
        deferred ? UpdateReach{.users = groups, .items = groups * group_size} : UpdateReach{});
    const ops::AdamSpec spec;
    ops::StepState step;
    std::int64_t batch = 0;
    const auto work_of_an_update = [&] {
      const BatchView view = all.view();
      const std::int64_t first = batch++ % batches * groups;
      const BatchView block{groups,
                            view.group_size,
                            view.users + first,
                            view.items + first * view.group_size,
                            view.ids + first,
                            view.labels + first * view.group_size};
      update.prepare(context, block);
      fill_gradients(parameters, block);
      ops::prepare_update(context, spec, {}, groups, &step);
      update.run(context, spec, &step);
    };
    for (int warm_up = 0; warm_up < batches; ++warm_up) work_of_an_update();
    // Of the rows that the batch reads, what adam_step would read and write of them.
    const std::int64_t width = shape.factors + shape.mlp_embedding();
    const Work work{
        .samples = static_cast<double>(groups * group_size),
        .bytes = reference::adam_traffic(static_cast<double>(groups * (1 + group_size) * width), 0).total()};
    measure(state, context, work, work_of_an_update);
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
    const Work work{.samples = static_cast<double>(data.batch),
                    .bytes = reference::check_finite_traffic(static_cast<double>(n)).total()};
    measure(state, context, work, [&] {
      ops::check_finite(context, std::span<const float>(gradient.span()), step.data(), nullptr);
    });
  });
}

}  // namespace

void register_adam() {
  for_each_case([](auto c) { add_adam(c); });
  for_each_case([]<class Device, class T>(Case<Device, T> c) {
    if constexpr (std::is_same_v<Device, Cpu>)
      for (const bool deferred : {false, true}) add_small_batch(c, deferred);
  });
  for_each_device([]<class Device>(Case<Device, float> c) { add_check<Device>(c.data); });
}

}  // namespace neumf::bench
