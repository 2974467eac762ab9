// The embeddings of the MLP branch and its first layer:
//   h(u, i) = dropout(relu(W_user P_u + W_item Q_i + b))    (the concatenation of eq. 10 in the NCF paper,
//   split).
//
// W_user P_u is computed once per group of samples. W_item Q_i is computed either once per sample or, where a
// step has more samples than the catalogue has items, once per item: the rows are then gathered from the
// projected catalogue, and in the backward pass gradients are added up per item before they go through
// W_item. The result is the same; for the default model on ML-20m it takes out 40 % of the arithmetic.
#pragma once

#include <cstdint>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/ops/batch.hpp"
#include "neumf/ops/embedding.hpp"
#include "neumf/random/dropout.hpp"

namespace neumf {

enum class ItemProjection { per_sample, per_item };
constexpr auto value_names(ItemProjection) {
  return std::to_array<NamedValue<ItemProjection>>(
      {{"per_item", ItemProjection::per_item}, {"per_sample", ItemProjection::per_sample}});
}

template <class Device, class T>
class PairLayer {
 public:
  // For blocks of at most `max_groups` groups of `group_size` samples. `training` reserves what backward
  // needs.
  PairLayer(const ModelShape& shape, std::int64_t max_groups, std::int32_t group_size, bool training);

  // Weights may have changed since the last begin; `samples` are those until the next begin, over all blocks.
  void begin(Context<Device>& context, Parameters<Device, T>& parameters, std::int64_t samples);
  // out [samples, layers[1]]
  void forward(Context<Device>& context, Parameters<Device, T>& parameters, const BatchView& batch,
               const Dropout& dropout, Matrix<T> out);
  // dz [samples, layers[1]]: gradient before the ReLU. Adds to the gradients; must follow forward on the same
  // block.
  void backward(Context<Device>& context, Parameters<Device, T>& parameters, const BatchView& batch,
                const ops::ScatterPlan<Device>& user_plan, const ops::ScatterPlan<Device>& item_plan,
                Matrix<const T> dz);
  // Completes the gradients after the last block of a step.
  void finish(Context<Device>& context, Parameters<Device, T>& parameters);

  ItemProjection projection() const { return projection_; }
  // For tests and benchmarks: overrides the choice at the next begin.
  void force(ItemProjection projection);
  std::size_t bytes() const;

 private:
  ItemProjection choose(std::int64_t samples) const;
  void reserve_projection();

  ModelShape shape_;
  bool training_;
  bool forced_ = false;
  ItemProjection projection_ = ItemProjection::per_sample;
  std::int64_t max_samples_;
  Tensor<T, Device> user_rows_, user_half_;            // [groups, E], [groups, H]
  Tensor<T, Device> item_rows_, item_row_gradients_;   // per sample: [samples, E] twice
  Tensor<T, Device> group_sums_, user_row_gradients_;  // [groups, H], [groups, E]
  Tensor<T, Device> projected_items_;                  // per item: [items, H]
  Tensor<float, Device> projected_gradients_;          // per item: [items, H]
};

}  // namespace neumf
