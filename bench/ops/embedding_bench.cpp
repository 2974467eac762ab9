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

// Registers `body(state, context, batch, n)`, where n rows of the side belong to the batch.
template <class Device, class T, class Body>
void add_side(const char* name, Case<Device, T> c, Side side, Body body) {
  add<Device>(fmt::format("{}_{}", name, side.name()), TypeName<T>::value, c.data,
              [c, side, body](auto& state, auto& context) {
                const auto batch = training_batch(context, c.data);
                body(state, context, batch, side.rows(batch));
              });
}

// `traffic` is that of n rows of the type.
template <class T>
Work side_work(std::int64_t samples, std::int64_t n, reference::Traffic (*traffic)(double, double, double)) {
  return {.samples = static_cast<double>(samples),
          .bytes = traffic(static_cast<double>(n), width, sizeof(T)).total()};
}

template <class Device, class T>
void add_gather(Case<Device, T> c, Side side) {
  add_side("gather", c, side, [c, side](auto& state, auto& context, const auto& batch, std::int64_t n) {
    auto table = random_tensor<Device, T>(context, side.table(c.data), width);
    Tensor<T, Device> out(n, width);
    measure(state, context, side_work<T>(batch.samples(), n, reference::gather_traffic), [&] {
      ops::gather_rows(context, Matrix<const T>(table.matrix()), side.ids(batch.view()), out.matrix());
    });
  });
}

template <class Device, class T>
void add_scatter(Case<Device, T> c, Side side) {
  add_side("scatter_add", c, side, [c, side](auto& state, auto& context, const auto& batch, std::int64_t n) {
    auto values = random_tensor<Device, T>(context, n, width);
    auto table = zeros<Device, float>(context, side.table(c.data), width);
    ops::ScatterPlan<Device> plan(n);
    ops::plan_scatter(context, side.ids(batch.view()), n, table.rows(), plan);
    measure(state, context, side_work<T>(batch.samples(), n, reference::scatter_add_traffic),
            [&] { ops::scatter_add_rows(context, plan, Matrix<const T>(values.matrix()), table.matrix()); });
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
