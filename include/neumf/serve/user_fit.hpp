// A model of which users' rows alone move: what fitting them to samples needs. In fp32 on every device,
// whatever precision the model is served in.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "neumf/checkpoint/reader.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/nn/neumf_model.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/ops/adam.hpp"
#include "neumf/ops/batch.hpp"
#include "neumf/ops/step_state.hpp"

namespace neumf::serve {

// A number for each of a model's user tables.
struct PerTable {
  float gmf = 0, mlp = 0;
};

// What users are fitted to. A loss that compares (ops/ranking_loss.hpp) does so within groups of `group`
// samples, of which the first is the user's own item; binary cross-entropy takes a user's samples as one.
struct FitLoss {
  Loss loss = Loss::bce;
  std::int32_t group = 0;  // not of bce; as many make a user's samples
};

// Samples of a step: as many for every user, which are one after the other.
struct FitSamples {
  std::vector<std::uint32_t> items;  // rows of the checkpoint's catalogue
  std::vector<std::uint8_t> labels;  // 1: the user has it
};

// Nothing that becomes of a user depends on the users beside it, nor on how many they are.
template <class Device>
class UserFit {
 public:
  static constexpr std::int64_t window = 256;  // users at a time, at most

  // `samples`: of each user in a step. `checkpoint` is read here only.
  UserFit(Context<Device>& context, CheckpointReader& checkpoint, std::int32_t samples,
          const FitLoss& loss = {});

  std::int32_t samples() const { return samples_; }
  // Begins with these rows of [window] users, and with Adam's moments at zero.
  void begin(Context<Device>& context, std::span<const float> gmf, std::span<const float> mlp);
  // Adds the gradients of each user's mean loss over its samples, or its groups, to those of the rows of the
  // first `users` users, and returns the sum of all losses.
  double add_gradients(Context<Device>& context, std::int64_t users, const FitSamples& step);
  // Moves the rows along their gradients by Adam, and clears those.
  void move(Context<Device>& context, const PerTable& learning_rate);

  // Rows and gradients, [window] users.
  void rows(Context<Device>& context, std::span<float> gmf, std::span<float> mlp);
  void gradients(Context<Device>& context, std::span<float> gmf, std::span<float> mlp);

 private:
  // Of one table.
  struct Table {
    const Segment* segment;
    ops::StepState state;
    Tensor<ops::StepState, Device> on_device;
  };

  std::int32_t samples_, group_;
  std::int64_t groups_;  // of a user
  Parameters<Device, float> parameters_;
  NeuMF<Device, float> model_;
  BatchBuffer<Device> batch_;
  Tensor<ops::StepState, Device> loss_;
  std::vector<Table> tables_;
};

}  // namespace neumf::serve
