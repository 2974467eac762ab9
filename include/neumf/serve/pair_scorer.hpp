// Scores of given (user, item) pairs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neumf/core/context.hpp"
#include "neumf/nn/neumf_model.hpp"
#include "neumf/serve/served_model.hpp"

namespace neumf::serve {

template <class Device, class T>
class PairScorer {
 public:
  // For at most `most_pairs` at a time. `rows`: where users come from, or null for the checkpoint.
  // `checkpoint` and `rows` must outlive this.
  PairScorer(Context<Device>& context, CheckpointReader& checkpoint, std::int64_t most_pairs,
             UserRows* rows = nullptr);

  std::int64_t most_pairs() const { return model_.window(); }
  // The logits of users[i] with items[i], rows of where users come from and of the checkpoint.
  std::vector<float> score(Context<Device>& context, std::span<const std::uint32_t> users,
                           std::span<const std::uint32_t> items);

 private:
  ServedModel<Device, T> model_;
  NeuMF<Device, T> network_;
  Tensor<std::uint32_t, Device> rows_, items_;  // of the pairs: rows of the window, rows of the catalogue
  Tensor<float, Device> logits_;
};

}  // namespace neumf::serve
