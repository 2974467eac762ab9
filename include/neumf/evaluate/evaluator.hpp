// Leave-one-out evaluation of a rank's users, on its device (He et al., WWW 2017, section 4.1).
#pragma once

#include <cstdint>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/evaluate/metrics.hpp"
#include "neumf/nn/neumf_model.hpp"

namespace neumf {

template <class Device, class T>
class Evaluator {
 public:
  // Copies the shard's test cases to the device. `first_row`: the row of the shard's first user in the user
  // tables; `block_samples`: how many items are scored at a time; `topk`: every K to report, the principal
  // one first; `loss`: what Metrics::loss is, of every item or of every user's held-out item.
  Evaluator(Context<Device>& context, Parameters<Device, T>& parameters, const ModelShape& shape,
            const Shard& shard, std::uint32_t first_row, std::int64_t block_samples, std::vector<int> topk,
            Loss loss = Loss::bce);

  // Metrics over all ranks' users. Collective.
  Metrics evaluate(Context<Device>& context, const Communicator& communicator);

  // Items that this rank scores in one evaluation.
  std::int64_t samples() const { return users_ * group_size_; }
  std::size_t bytes() const;

 private:
  std::int64_t users_;
  std::int32_t group_size_;  // the held-out item and its negatives
  std::vector<int> topk_;
  Loss loss_kind_;
  NeuMF<Device, T> model_;
  Tensor<std::uint32_t, Device> rows_, items_;
  Tensor<std::uint8_t, Device> labels_;  // of one block
  Tensor<float, Device> logits_;         // of one block
  Tensor<std::uint32_t, Device> ranks_;
  Tensor<double, Device> loss_;
};

}  // namespace neumf
