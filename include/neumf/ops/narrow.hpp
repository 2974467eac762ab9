// A training step of a narrow NeuMF on a CPU, whole: forward pass, loss, backward pass and the scatter-add of
// a block of samples, in one piece.
//
// Operation by operation (ops/linear.hpp and so on), a model of a few dozen units spends more time between
// operations than in them. Here each thread takes its groups through all layers in tiles that stay in its
// first-level cache. What is computed is what those operations compute (He et al., "Neural Collaborative
// Filtering", WWW 2017, section 3.4), in fp32 whatever the type of the tables.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/ops/batch.hpp"
#include "neumf/ops/step_state.hpp"
#include "neumf/random/dropout.hpp"

namespace neumf::ops {

// The widest embedding or layer that pays.
inline constexpr std::int64_t narrow_width = 64;

// An embedding table and where its gradients are added; no rows where the model lacks the branch.
template <class T>
struct NarrowTable {
  Matrix<const T> rows;
  Matrix<float> gradient;
};

// A weight matrix [out, in] or vector [1, n], and where its gradients are added.
struct NarrowWeight {
  Matrix<const float> value;
  Matrix<float> gradient;
};

// Names as in nn/parameters.hpp. Every width is at most narrow_width.
template <class T>
struct NarrowModel {
  NarrowTable<T> user_gmf, item_gmf, user_mlp, item_mlp;
  NarrowWeight head_gmf, head_mlp, head_bias;
  NarrowWeight pair_user, pair_item, pair_bias;
  std::vector<NarrowWeight> hidden_weight, hidden_bias;
};

template <class T>
class NarrowStep {
 public:
  // For models of this shape and groups of `group_size` samples.
  NarrowStep(const NarrowModel<T>& model, std::int32_t group_size);
  ~NarrowStep();

  // Adds the block's gradients, times `loss_weight` and the state's loss scale, and its loss to state->loss.
  void run(Context<Cpu>& context, const BatchView& batch, const NarrowModel<T>& model, const Dropout& dropout,
           float loss_weight, StepState* state);

 private:
  class Team;
  std::unique_ptr<Team> team_;
};

}  // namespace neumf::ops
