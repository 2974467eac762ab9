// NeuMF: generalised matrix factorisation and a multi-layer perceptron, fused in one final layer (He et al.,
// "Neural Collaborative Filtering", WWW 2017, section 3.4):
//   logit(u, i) = w . [p_u * q_i ; MLP(P_u, Q_i)] + b
// A shape with one branch only makes the paper's GMF or MLP model.
//
// Works on blocks of samples. Gradients of all blocks of a step add up in the parameters:
//   begin_step; { forward(block); backward(block) } ...; finish_step; then reduce and update.
// Where in_one_piece(), run_in_one_piece(block) takes the place of forward and backward.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "neumf/core/context.hpp"
#include "neumf/nn/hidden_layers.hpp"
#include "neumf/nn/pair_layer.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/ops/batch.hpp"
#include "neumf/ops/ranking_loss.hpp"
#include "neumf/ops/step_state.hpp"
#include "neumf/ops/whole_step.hpp"
#include "neumf/random/dropout.hpp"

namespace neumf {

// What training minimises.
struct Objective {
  Loss loss = Loss::bce;
  // L2 on embeddings: the mean over the samples of this / 2 (|user's rows|^2 + |item's rows|^2). It is no
  // part of the loss that is told.
  float embedding_l2 = 0;
  const float* log_q = nullptr;  // [items] on the device, see ops/ranking_loss.hpp; or null
};

template <class Device, class T>
class NeuMF {
 public:
  // For blocks of at most `max_groups` groups of `group_size` samples; `training` reserves what gradients
  // need. `parameters` must outlive the model.
  NeuMF(Parameters<Device, T>& parameters, const ModelShape& shape, std::int64_t max_groups,
        std::int32_t group_size, bool training);

  std::int64_t max_groups() const { return max_groups_; }
  PairLayer<Device, T>& pair_layer() { return pair_; }
  // Whether a block is trained in one operation (ops/whole_step.hpp): where the device has it for this model.
  bool in_one_piece() const { return whole_step_ != nullptr; }
  // Has it trained operation by operation, as those of other models are.
  void go_by_operation() { whole_step_.reset(); }
  // Binary cross-entropy alone, unless another objective is set. Others go by operation.
  void set_objective(const Objective& objective) {
    objective_ = objective;
    if (objective.loss != Loss::bce || objective.embedding_l2 > 0) go_by_operation();
  }

  // `samples`: how many this rank will process until the weights change.
  void begin_step(Context<Device>& context, std::int64_t samples) {
    if (has_mlp_ && !in_one_piece()) pair_.begin(context, parameters_, samples);
  }
  // One block's forward pass, up to the gradient of its logits; adds its loss to state->loss.
  void forward(Context<Device>& context, const BatchView& batch, const Dropout& dropout,
               ops::StepState* state);
  // Adds the block's gradients, times the state's loss factor. Follows forward on the same
  // block. `bucket_ready(b)`, where given, is called as soon as the work that completes bucket b
  // (nn/parameters.hpp) has been submitted, for all buckets but the last, which finish_step completes: give
  // it with a step's last block.
  using BucketReady = std::function<void(std::size_t)>;
  void backward(Context<Device>& context, const BatchView& batch, const Dropout& dropout,
                const BucketReady& bucket_ready = {});
  // Both passes of one block. Completes no bucket before finish_step.
  void run_in_one_piece(Context<Device>& context, const BatchView& batch, const Dropout& dropout,
                        ops::StepState* state) {
    whole_step_->run(context, batch, dropout, state);
  }
  void finish_step(Context<Device>& context) {
    if (has_mlp_ && !in_one_piece()) pair_.finish(context, parameters_);
  }

  // Logits [samples], without dropout. Needs begin_step since the weights changed. Not where in_one_piece().
  void score(Context<Device>& context, const BatchView& batch, float* logits);

  std::size_t bytes() const;

 private:
  void add_penalties(Context<Device>& context, const BatchView& batch);
  // Everything up to the last hidden layer, and the bias and GMF part of the logits.
  void branches(Context<Device>& context, const BatchView& batch, const Dropout& dropout, float* logits);

  Parameters<Device, T>& parameters_;
  std::int64_t max_groups_;
  bool has_gmf_, has_mlp_;
  std::int64_t users_, items_;
  PairLayer<Device, T> pair_;
  HiddenLayers<Device, T> hidden_;
  Tensor<float, Device> logits_, dlogits_;
  ops::ScatterPlan<Device> user_plan_, item_plan_;
  std::unique_ptr<ops::WholeStep<Device, T>> whole_step_;  // or null
  Objective objective_;
  const float* loss_factor_ = nullptr;  // the state's, which the step's forward pass was given
};

}  // namespace neumf
