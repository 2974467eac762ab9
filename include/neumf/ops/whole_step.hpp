// A training step of a NeuMF, whole: forward pass, loss, backward pass and the scatter-add of a block of
// samples, in one operation. A device may have it for some models; it computes what the single operations
// (ops/gmf.hpp, ops/linear.hpp and so on) compute one after the other.
//
// A CPU has it where no embedding and no layer is wider than 64. Operation by operation, a model of a few
// dozen units spends more time between operations than in them; in one piece each thread takes its groups
// through all layers in tiles that stay in its first-level cache, in fp32 whatever the type of the tables.
#pragma once

#include <cstdint>
#include <memory>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/ops/batch.hpp"
#include "neumf/ops/model_weights.hpp"
#include "neumf/ops/step_state.hpp"
#include "neumf/random/dropout.hpp"

namespace neumf::ops {

// An embedding table and where its gradients are added; no columns where the model lacks the branch.
template <class T>
struct TrainedTable {
  Matrix<const T> rows;
  Matrix<float> gradient;
};

// A weight matrix or vector, and where its gradients are added.
struct TrainedWeight {
  Matrix<const float> value;
  Matrix<float> gradient;
};

template <class T>
struct TrainedModel : LayerWeights<TrainedWeight>, EmbeddingTables<TrainedTable<T>> {};

template <class Device, class T>
class WholeStep {
 public:
  virtual ~WholeStep() = default;
  // Adds the block's gradients, times state->loss_factor, and its loss to state->loss.
  virtual void run(Context<Device>& context, const BatchView& batch, const Dropout& dropout,
                   StepState* state) = 0;
};

// For this model, whose memory must outlive the result, and groups of `group_size` samples. Null where the
// device does not have it for such a model.
template <class Device, class T>
std::unique_ptr<WholeStep<Device, T>> make_whole_step(const TrainedModel<T>& model, std::int32_t group_size);

}  // namespace neumf::ops
