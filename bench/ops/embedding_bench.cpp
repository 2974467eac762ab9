// Embedding tables: gathering rows and adding gradients back, with the plan that both scatter-adds of a table
// share.
#include "neumf/ops/embedding.hpp"

#include "measure.hpp"
#include "registry.hpp"

namespace neumf::bench {
namespace {

constexpr std::int64_t width = 128;  // of the MLP's embeddings

template <class Device, class T>
void add_gathers(Case<Device, T> c) {
  add<Device>("gather_users", TypeName<T>::value, c.data, [c](auto& state, auto& context) {
    const Batch<Device> batch(context, c.data, block_groups(context, c.data, group_size), group_size);
    auto table = random_tensor<Device, T>(context, c.data.users, width);
    Tensor<T, Device> out(batch.groups(), width);
    const auto rows = static_cast<double>(batch.groups());
    measure(state, context,
            {.samples = static_cast<double>(batch.samples()), .bytes = rows * (2 * width * sizeof(T) + 4)},
            [&] {
              ops::gather_rows(context, Matrix<const T>(table.matrix()), batch.view().users, out.matrix());
            });
  });
  add<Device>("gather_items", TypeName<T>::value, c.data, [c](auto& state, auto& context) {
    const Batch<Device> batch(context, c.data, block_groups(context, c.data, group_size), group_size);
    auto table = random_tensor<Device, T>(context, c.data.items, width);
    Tensor<T, Device> out(batch.samples(), width);
    const auto rows = static_cast<double>(batch.samples());
    measure(state, context, {.samples = rows, .bytes = rows * (2 * width * sizeof(T) + 4)}, [&] {
      ops::gather_rows(context, Matrix<const T>(table.matrix()), batch.view().items, out.matrix());
    });
  });
}

template <class Device, class T>
void add_scatters(Case<Device, T> c) {
  // Values are read once; rows of the fp32 table are read and written once per value.
  constexpr double row_bytes = width * (sizeof(T) + 2.0 * sizeof(float)) + 4;
  add<Device>("scatter_add_users", TypeName<T>::value, c.data, [c](auto& state, auto& context) {
    const Batch<Device> batch(context, c.data, block_groups(context, c.data, group_size), group_size);
    auto values = random_tensor<Device, T>(context, batch.groups(), width);
    auto table = zeros<Device, float>(context, c.data.users, width);
    ops::ScatterPlan<Device> plan(batch.groups());
    ops::plan_scatter(context, batch.view().users, batch.groups(), table.rows(), plan);
    measure(state, context,
            {.samples = static_cast<double>(batch.samples()),
             .bytes = static_cast<double>(batch.groups()) * row_bytes},
            [&] { ops::scatter_add_rows(context, plan, Matrix<const T>(values.matrix()), table.matrix()); });
  });
  add<Device>("scatter_add_items", TypeName<T>::value, c.data, [c](auto& state, auto& context) {
    const Batch<Device> batch(context, c.data, block_groups(context, c.data, group_size), group_size);
    auto values = random_tensor<Device, T>(context, batch.samples(), width);
    auto table = zeros<Device, float>(context, c.data.items, width);
    ops::ScatterPlan<Device> plan(batch.samples());
    ops::plan_scatter(context, batch.view().items, batch.samples(), table.rows(), plan);
    const auto rows = static_cast<double>(batch.samples());
    measure(state, context, {.samples = rows, .bytes = rows * row_bytes},
            [&] { ops::scatter_add_rows(context, plan, Matrix<const T>(values.matrix()), table.matrix()); });
  });
}

template <class Device>
void add_plan(const DataShape& data) {
  add<Device>("plan_scatter", "ids", data, [&data](auto& state, auto& context) {
    const Batch<Device> batch(context, data, block_groups(context, data, group_size), group_size);
    ops::ScatterPlan<Device> plan(batch.samples());
    const auto rows = static_cast<double>(batch.samples());
    measure(state, context, {.samples = rows, .bytes = rows * 8},
            [&] { ops::plan_scatter(context, batch.view().items, batch.samples(), data.items, plan); });
  });
}

}  // namespace

void register_embedding() {
  for_each_case([](auto c) { add_gathers(c); });
  for_each_case([](auto c) { add_scatters(c); });
  for_each_device([]<class Device>(Case<Device, float> c) { add_plan<Device>(c.data); });
}

}  // namespace neumf::bench
