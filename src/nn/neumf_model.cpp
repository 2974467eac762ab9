#include "neumf/nn/neumf_model.hpp"

#include "neumf/core/error.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/gmf.hpp"
#include "neumf/ops/head.hpp"
#include "neumf/ops/row_penalty.hpp"

namespace neumf {
namespace {

// With the items whose rows the tables have at once.
ModelShape of_rows(ModelShape shape, const ParameterLayout& layout) {
  shape.items = layout.item_mlp.rows;
  return shape;
}

}  // namespace

template <class Device, class T>
NeuMF<Device, T>::NeuMF(Parameters<Device, T>& parameters, const ModelShape& shape, std::int64_t max_groups,
                        std::int32_t group_size, bool training)
    : parameters_(parameters),
      max_groups_(max_groups),
      has_gmf_(shape.has_gmf()),
      has_mlp_(shape.has_mlp()),
      users_(parameters.layout().user_mlp.rows),
      items_(parameters.layout().item_mlp.rows),
      pair_(of_rows(shape, parameters.layout()), max_groups, group_size, training),
      hidden_(shape, max_groups * group_size, training),
      logits_(training ? max_groups * group_size : 0),
      dlogits_(training ? max_groups * group_size : 0),
      user_plan_(training ? max_groups : 0),
      item_plan_(training ? max_groups * group_size : 0) {
  if (!training) return;
  const auto weight = [&](const Segment& s) -> ops::TrainedWeight {
    return {parameters.weight(s), parameters.gradient(s)};
  };
  const auto table = [&](const Segment& s) -> ops::TrainedTable<T> {
    return {parameters.compute(s), parameters.gradient(s)};
  };
  const auto& layout = parameters.layout();
  whole_step_ =
      ops::make_whole_step<Device, T>({layout.layers_as(weight), layout.tables_as(table)}, group_size);
}

template <class Device, class T>
void NeuMF<Device, T>::branches(Context<Device>& context, const BatchView& batch, const Dropout& dropout,
                                float* logits) {
  const auto& layout = parameters_.layout();
  const float* bias = parameters_.weight(layout.head_bias).data;
  if (has_gmf_)
    ops::gmf_forward(context, batch, parameters_.compute(layout.user_gmf),
                     parameters_.compute(layout.item_gmf), parameters_.weight(layout.head_gmf).data, bias,
                     logits);
  else
    ops::bias_forward(context, batch.samples(), bias, logits);
  if (!has_mlp_) return;
  pair_.forward(context, parameters_, batch, dropout, hidden_.input(batch.samples()));
  hidden_.forward(context, parameters_, batch, dropout);
}

template <class Device, class T>
void NeuMF<Device, T>::forward(Context<Device>& context, const BatchView& batch, const Dropout& dropout,
                               ops::StepState* state) {
  require(!in_one_piece(), "this model trains in one piece: it has no forward pass");
  const auto& layout = parameters_.layout();
  loss_factor_ = &state->loss_factor;
  branches(context, batch, dropout, logits_.data());
  if (objective_.loss != Loss::bce) {
    const float* weight = parameters_.weight(layout.head_mlp).data;
    if (has_mlp_) ops::head_forward(context, hidden_.output(batch.samples()), weight, logits_.data());
    ops::ranking_loss(context, objective_.loss, batch, logits_.data(), objective_.log_q,
                      static_cast<float>(batch.group_size), &state->loss_factor, dlogits_.data(),
                      &state->loss);
    if (has_mlp_)
      ops::head_backward(context, hidden_.output(batch.samples()), weight,
                         static_cast<const float*>(dlogits_.data()), dropout.keep_scale,
                         hidden_.output_gradient(batch.samples()),
                         parameters_.gradient(layout.head_mlp).data);
    return;
  }
  if (!has_mlp_) {
    ops::logit_loss(context, batch.samples(), logits_.data(), batch.labels, 1.0f, &state->loss_factor,
                    dlogits_.data(), parameters_.gradient(layout.head_bias).data, &state->loss);
    return;
  }
  ops::head_loss(context, hidden_.output(batch.samples()), parameters_.weight(layout.head_mlp).data,
                 batch.labels, 1.0f, &state->loss_factor, dropout.keep_scale, logits_.data(), dlogits_.data(),
                 hidden_.output_gradient(batch.samples()), parameters_.gradient(layout.head_mlp).data,
                 parameters_.gradient(layout.head_bias).data, &state->loss);
}

template <class Device, class T>
void NeuMF<Device, T>::backward(Context<Device>& context, const BatchView& batch, const Dropout& dropout,
                                const BucketReady& bucket_ready) {
  const auto& layout = parameters_.layout();
  ops::plan_scatter(context, batch.users, batch.groups, users_, user_plan_);
  ops::plan_scatter(context, batch.items, batch.samples(), items_, item_plan_);
  if (has_mlp_) hidden_.backward(context, parameters_, batch, dropout.keep_scale);
  if (bucket_ready) bucket_ready(0);
  if (objective_.embedding_l2 > 0) add_penalties(context, batch);
  if (has_gmf_)
    ops::gmf_backward(context, batch, user_plan_, item_plan_, parameters_.compute(layout.user_gmf),
                      parameters_.compute(layout.item_gmf), parameters_.weight(layout.head_gmf).data,
                      dlogits_.data(), parameters_.gradient(layout.user_gmf),
                      parameters_.gradient(layout.item_gmf), parameters_.gradient(layout.head_gmf).data);
  if (bucket_ready) bucket_ready(1);
  if (has_mlp_)
    pair_.backward(context, parameters_, batch, user_plan_, item_plan_,
                   hidden_.input_gradient(batch.samples()));
}

template <class Device, class T>
void NeuMF<Device, T>::add_penalties(Context<Device>& context, const BatchView& batch) {
  const auto& layout = parameters_.layout();
  const auto add = [&](const ops::ScatterPlan<Device>& plan, const Segment& table, float factor) {
    if (!table.empty())
      ops::add_row_penalty(context, plan, Matrix<const float>(parameters_.weight(table)), factor,
                           loss_factor_, parameters_.gradient(table));
  };
  const float per_sample = objective_.embedding_l2;
  const float per_group = per_sample * static_cast<float>(batch.group_size);
  for (const Segment* table : {&layout.user_gmf, &layout.user_mlp}) add(user_plan_, *table, per_group);
  for (const Segment* table : {&layout.item_gmf, &layout.item_mlp}) add(item_plan_, *table, per_sample);
}

template <class Device, class T>
void NeuMF<Device, T>::score(Context<Device>& context, const BatchView& batch, float* logits) {
  branches(context, batch, Dropout{}, logits);
  if (has_mlp_)
    ops::head_forward(context, hidden_.output(batch.samples()),
                      parameters_.weight(parameters_.layout().head_mlp).data, logits);
}

template <class Device, class T>
std::size_t NeuMF<Device, T>::bytes() const {
  return pair_.bytes() + hidden_.bytes() + logits_.bytes() + dlogits_.bytes() + user_plan_.bytes() +
         item_plan_.bytes();
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class NeuMF<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
