// A training step of GMF with the softmax over the whole catalogue (ops/catalogue.hpp): a sample is a user
// with all of its positives. The output's bias takes no part.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "neumf/core/context.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/ops/batch.hpp"
#include "neumf/ops/embedding.hpp"
#include "neumf/ops/step_state.hpp"
#include "neumf/sampling/sampler.hpp"

namespace neumf {

// Users of a block: their logits take some 16 MiB, or more where few users would read the whole table.
inline std::int64_t catalogue_block_users(std::int64_t items) {
  return std::max<std::int64_t>((std::int64_t{1} << 22) / items, 64);
}

template <class Device, class T>
class CatalogueSoftmax {
 public:
  // What a step minimises: the mean loss of all users' positives, and `embedding_l2` / 2 times the mean over
  // the step's users of |p_u|^2 and the mean over the catalogue of |q_i|^2.
  struct Weights {
    double positives = 1;  // of a user, on average over all of them
    double embedding_l2 = 0;
  };

  // For blocks of at most `max_users` users of a model without an MLP.
  CatalogueSoftmax(Context<Device>& context, const ModelShape& shape, std::int64_t max_users);

  // Both passes of a block of distinct users, whose rows are batch.users: adds their gradients times the
  // state's loss factor, and their positives' losses to state->loss. `set` has the users' positives; its
  // first user has row `first_row`.
  void run(Context<Device>& context, Parameters<Device, T>& parameters, const TrainingSetView& set,
           std::uint32_t first_row, const BatchView& batch, const Weights& weights, ops::StepState* state);

  std::size_t bytes() const;

 private:
  Tensor<T, Device> users_;                  // [max_users, F], times the final layer's weights
  Tensor<float, Device> user_grads_;         // of these
  Tensor<float, Device> logits_;             // [max_users, items], then their gradients
  Tensor<T, Device> dlogits_;                // the same rounded to T; empty in fp32
  Tensor<std::uint32_t, Device> catalogue_;  // 0, 1, 2, ...
  ops::ScatterPlan<Device> user_plan_, item_plan_;
};

}  // namespace neumf
