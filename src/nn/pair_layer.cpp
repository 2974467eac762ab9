#include "neumf/nn/pair_layer.hpp"

#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/linear.hpp"
#include "neumf/ops/memory.hpp"
#include "neumf/ops/pair.hpp"

namespace neumf {

using ops::Write;

template <class Device, class T>
PairLayer<Device, T>::PairLayer(const ModelShape& shape, std::int64_t max_groups, std::int32_t group_size,
                                bool training)
    : shape_(shape),
      training_(training),
      max_samples_(max_groups * group_size),
      user_rows_(max_groups, shape.mlp_embedding()),
      user_half_(max_groups, shape.first_hidden()) {
  if (!training) return;
  group_sums_ = Tensor<T, Device>(max_groups, shape.first_hidden());
  user_row_gradients_ = Tensor<T, Device>(max_groups, shape.mlp_embedding());
}

template <class Device, class T>
ItemProjection PairLayer<Device, T>::choose(std::int64_t samples) const {
  // Per item costs items * E * H once, plus wider rows to gather and add; it pays from about two samples per
  // item.
  return samples >= 2 * shape_.items ? ItemProjection::per_item : ItemProjection::per_sample;
}

template <class Device, class T>
void PairLayer<Device, T>::force(ItemProjection projection) {
  forced_ = true;
  projection_ = projection;
}

template <class Device, class T>
void PairLayer<Device, T>::reserve_projection() {
  const std::int64_t embedding = shape_.mlp_embedding(), hidden = shape_.first_hidden();
  if (projection_ == ItemProjection::per_item) {
    if (projected_items_.empty()) projected_items_ = Tensor<T, Device>(shape_.items, hidden);
    if (training_ && projected_gradients_.empty())
      projected_gradients_ = Tensor<float, Device>(shape_.items, hidden);
  } else {
    if (item_rows_.empty()) item_rows_ = Tensor<T, Device>(max_samples_, embedding);
    if (training_ && item_row_gradients_.empty())
      item_row_gradients_ = Tensor<T, Device>(max_samples_, embedding);
  }
}

template <class Device, class T>
void PairLayer<Device, T>::begin(Context<Device>& context, Parameters<Device, T>& parameters,
                                 std::int64_t samples) {
  if (!forced_) projection_ = choose(samples);
  reserve_projection();
  if (projection_ == ItemProjection::per_sample) return;
  const auto& layout = parameters.layout();
  ops::matmul_nt(context, parameters.compute(layout.item_mlp), parameters.compute(layout.pair_item),
                 Write::overwrite, projected_items_.matrix());
  if (training_) ops::fill_zero(context, projected_gradients_.span());
}

template <class Device, class T>
void PairLayer<Device, T>::forward(Context<Device>& context, Parameters<Device, T>& parameters,
                                   const BatchView& batch, const Dropout& dropout, Matrix<T> out) {
  const auto& layout = parameters.layout();
  const auto user_rows = user_rows_.matrix().slice(0, batch.groups);
  const auto user_half = user_half_.matrix().slice(0, batch.groups);
  ops::gather_rows(context, parameters.compute(layout.user_mlp), batch.users, user_rows);
  ops::matmul_nt(context, Matrix<const T>(user_rows), parameters.compute(layout.pair_user), Write::overwrite,
                 user_half);
  const float* bias = parameters.weight(layout.pair_bias).data;
  if (projection_ == ItemProjection::per_item) {
    ops::pair_forward(context, batch, Matrix<const T>(user_half), Matrix<const T>(projected_items_.matrix()),
                      batch.items, bias, dropout, out);
    return;
  }
  const auto item_rows = item_rows_.matrix().slice(0, batch.samples());
  ops::gather_rows(context, parameters.compute(layout.item_mlp), batch.items, item_rows);
  ops::matmul_nt(context, Matrix<const T>(item_rows), parameters.compute(layout.pair_item), Write::overwrite,
                 out);
  ops::pair_forward(context, batch, Matrix<const T>(user_half), Matrix<const T>(out), nullptr, bias, dropout,
                    out);
}

template <class Device, class T>
void PairLayer<Device, T>::backward(Context<Device>& context, Parameters<Device, T>& parameters,
                                    const BatchView& batch, const ops::ScatterPlan<Device>& user_plan,
                                    const ops::ScatterPlan<Device>& item_plan, Matrix<const T> dz) {
  const auto& layout = parameters.layout();
  const auto user_rows = user_rows_.matrix().slice(0, batch.groups);
  const auto group_sums = group_sums_.matrix().slice(0, batch.groups);
  const auto user_gradients = user_row_gradients_.matrix().slice(0, batch.groups);
  ops::pair_backward(context, batch.group_size, dz, group_sums, parameters.gradient(layout.pair_bias).data);
  // Users: their rows are still here from the forward pass.
  ops::matmul_tn(context, Matrix<const T>(group_sums), Matrix<const T>(user_rows), Write::accumulate,
                 parameters.gradient(layout.pair_user));
  ops::matmul_nn(context, Matrix<const T>(group_sums), parameters.compute(layout.pair_user), Write::overwrite,
                 user_gradients);
  ops::scatter_add_rows(context, user_plan, Matrix<const T>(user_gradients),
                        parameters.gradient(layout.user_mlp));
  // Items.
  if (projection_ == ItemProjection::per_item) {
    ops::scatter_add_rows(context, item_plan, dz, projected_gradients_.matrix());
    return;
  }
  const auto item_rows = item_rows_.matrix().slice(0, batch.samples());
  const auto item_gradients = item_row_gradients_.matrix().slice(0, batch.samples());
  ops::matmul_tn(context, dz, Matrix<const T>(item_rows), Write::accumulate,
                 parameters.gradient(layout.pair_item));
  ops::matmul_nn(context, dz, parameters.compute(layout.pair_item), Write::overwrite, item_gradients);
  ops::scatter_add_rows(context, item_plan, Matrix<const T>(item_gradients),
                        parameters.gradient(layout.item_mlp));
}

template <class Device, class T>
void PairLayer<Device, T>::finish(Context<Device>& context, Parameters<Device, T>& parameters) {
  if (projection_ == ItemProjection::per_sample) return;
  // Sums over many samples: in fp32, whatever T is, since half precision might not hold them.
  const auto& layout = parameters.layout();
  const Matrix<const float> gradients = projected_gradients_.matrix();
  ops::matmul_tn(context, gradients, Matrix<const float>(parameters.weight(layout.item_mlp)),
                 Write::accumulate, parameters.gradient(layout.pair_item));
  ops::matmul_nn(context, gradients, Matrix<const float>(parameters.weight(layout.pair_item)),
                 Write::accumulate, parameters.gradient(layout.item_mlp));
}

template <class Device, class T>
std::size_t PairLayer<Device, T>::bytes() const {
  return user_rows_.bytes() + user_half_.bytes() + item_rows_.bytes() + item_row_gradients_.bytes() +
         group_sums_.bytes() + user_row_gradients_.bytes() + projected_items_.bytes() +
         projected_gradients_.bytes();
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class PairLayer<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
