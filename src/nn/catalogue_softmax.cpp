#include "neumf/nn/catalogue_softmax.hpp"

#include <numeric>
#include <type_traits>
#include <vector>

#include "neumf/core/error.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/catalogue.hpp"
#include "neumf/ops/linear.hpp"
#include "neumf/ops/memory.hpp"
#include "neumf/ops/row_penalty.hpp"

namespace neumf {

using ops::Write;

template <class Device, class T>
CatalogueSoftmax<Device, T>::CatalogueSoftmax(Context<Device>& context, const ModelShape& shape,
                                              std::int64_t max_users)
    : users_(max_users, shape.factors),
      user_grads_(max_users, shape.factors),
      logits_(max_users, shape.items),
      catalogue_(shape.items),
      user_plan_(max_users),
      item_plan_(shape.items) {
  require(!shape.has_mlp(),
          "--loss full_softmax scores the catalogue as a product of vectors: use --model gmf");
  if constexpr (!std::is_same_v<T, float>) dlogits_ = Tensor<T, Device>(max_users, shape.items);
  std::vector<std::uint32_t> items(static_cast<std::size_t>(shape.items));
  std::iota(items.begin(), items.end(), 0u);
  upload(context, std::span<const std::uint32_t>(items), catalogue_.data());
  ops::plan_scatter(context, catalogue_.data(), shape.items, shape.items, item_plan_);
}

template <class Device, class T>
void CatalogueSoftmax<Device, T>::run(Context<Device>& context, Parameters<Device, T>& parameters,
                                      const TrainingSetView& set, std::uint32_t first_row,
                                      const BatchView& batch, const Weights& weights, ops::StepState* state) {
  const auto& layout = parameters.layout();
  const auto table = parameters.compute(layout.user_gmf), items = parameters.compute(layout.item_gmf);
  const float* weight = parameters.weight(layout.head_gmf).data;
  const auto users = users_.matrix().slice(0, batch.groups);
  const auto user_grads = user_grads_.matrix().slice(0, batch.groups);
  const auto logits = logits_.matrix().slice(0, batch.groups);
  ops::gather_weighted(context, table, batch.users, weight, users);
  ops::matmul_nt(context, Matrix<const T>(users), items, Write::overwrite, logits);
  ops::catalogue_softmax(context, set, batch.users, first_row, static_cast<float>(1 / weights.positives),
                         &state->loss_factor, logits, &state->loss);
  const auto rounded = [&]() -> Matrix<const T> {
    if constexpr (std::is_same_v<T, float>) {
      return logits;
    } else {
      const auto out = dlogits_.matrix().slice(0, batch.groups);
      ops::convert(context, std::span<const float>(logits.data, static_cast<std::size_t>(logits.size())),
                   std::span<T>(out.data, static_cast<std::size_t>(out.size())));
      return out;
    }
  };
  const Matrix<const T> gradients = rounded();
  ops::matmul_nn(context, gradients, items, Write::overwrite, user_grads);
  ops::scatter_weighted(context, table, batch.users, weight, Matrix<const float>(user_grads),
                        parameters.gradient(layout.user_gmf), parameters.gradient(layout.head_gmf).data);
  ops::matmul_tn(context, gradients, Matrix<const T>(users), Write::accumulate,
                 parameters.gradient(layout.item_gmf));

  if (weights.embedding_l2 == 0) return;
  const auto penalise = [&](const ops::ScatterPlan<Device>& plan, const Segment& segment, double factor) {
    ops::add_row_penalty(context, plan, Matrix<const float>(parameters.weight(segment)),
                         static_cast<float>(factor), &state->loss_factor, parameters.gradient(segment));
  };
  ops::plan_scatter(context, batch.users, batch.groups, layout.user_gmf.rows, user_plan_);
  penalise(user_plan_, layout.user_gmf, weights.embedding_l2);
  // The block's share of the catalogue's penalty.
  const std::int64_t n = layout.item_gmf.rows;
  penalise(item_plan_, layout.item_gmf,
           weights.embedding_l2 * static_cast<double>(batch.groups) / static_cast<double>(n));
}

template <class Device, class T>
std::size_t CatalogueSoftmax<Device, T>::bytes() const {
  return users_.bytes() + user_grads_.bytes() + logits_.bytes() + dlogits_.bytes() + catalogue_.bytes() +
         user_plan_.bytes() + item_plan_.bytes();
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class CatalogueSoftmax<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
