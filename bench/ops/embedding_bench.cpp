// Embedding tables: gathering rows and adding gradients back, with the plan that both scatter-adds of a table
// share.
#include "neumf/ops/embedding.hpp"

#include "measure.hpp"
#include "ops/reference/embedding.hpp"
#include "registry.hpp"

namespace neumf::bench {
namespace {

constexpr std::int64_t width = 128;  // of the MLP's embeddings

// Rows of users, one per group, or of items, one per sample.
struct Side {
  bool items;
  const char* name() const { return items ? "items" : "users"; }
  std::int64_t table(const DataShape& data) const { return items ? data.items : data.users; }
  template <class Device>
  std::int64_t rows(const Batch<Device>& batch) const {
    return items ? batch.samples() : batch.groups();
  }
  const std::uint32_t* ids(const BatchView& batch) const { return items ? batch.items : batch.users; }
};

template <class Device, class T>
void add_gather(Case<Device, T> c, Side side) {
  add<Device>(
      fmt::format("gather_{}", side.name()), TypeName<T>::value, c.data,
      [c, side](auto& state, auto& context) {
        const auto batch = training_batch(context, c.data);
        const std::int64_t n = side.rows(batch);
        auto table = random_tensor<Device, T>(context, side.table(c.data), width);
        Tensor<T, Device> out(n, width);
        const Work work{.samples = static_cast<double>(batch.samples()),
                        .bytes = reference::gather_traffic(static_cast<double>(n), width, sizeof(T)).total()};
        measure(state, context, work, [&] {
          ops::gather_rows(context, Matrix<const T>(table.matrix()), side.ids(batch.view()), out.matrix());
        });
      });
}

template <class Device, class T>
void add_scatter(Case<Device, T> c, Side side) {
  add<Device>(
      fmt::format("scatter_add_{}", side.name()), TypeName<T>::value, c.data,
      [c, side](auto& state, auto& context) {
        const auto batch = training_batch(context, c.data);
        const std::int64_t n = side.rows(batch);
        auto values = random_tensor<Device, T>(context, n, width);
        auto table = zeros<Device, float>(context, side.table(c.data), width);
        ops::ScatterPlan<Device> plan(n);
        ops::plan_scatter(context, side.ids(batch.view()), n, table.rows(), plan);
        const Work work{
            .samples = static_cast<double>(batch.samples()),
            .bytes = reference::scatter_add_traffic(static_cast<double>(n), width, sizeof(T)).total()};
        measure(state, context, work, [&] {
          ops::scatter_add_rows(context, plan, Matrix<const T>(values.matrix()), table.matrix());
        });
      });
}

template <class Device>
void add_plan(const DataShape& data) {
  add<Device>("plan_scatter", "ids", data, [&data](auto& state, auto& context) {
    const auto batch = training_batch(context, data);
    ops::ScatterPlan<Device> plan(batch.samples());
    const auto rows = static_cast<double>(batch.samples());
    measure(state, context, {.samples = rows, .bytes = reference::plan_scatter_traffic(rows).total()},
            [&] { ops::plan_scatter(context, batch.view().items, batch.samples(), data.items, plan); });
  });
}

}  // namespace

void register_embedding() {
  constexpr Side users{false}, items{true};
  for (const Side side : {users, items}) for_each_case([side](auto c) { add_gather(c, side); });
  for (const Side side : {users, items}) for_each_case([side](auto c) { add_scatter(c, side); });
  for_each_device([]<class Device>(Case<Device, float> c) { add_plan<Device>(c.data); });
}

}  // namespace neumf::bench
