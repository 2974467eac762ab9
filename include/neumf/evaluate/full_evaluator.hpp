// Evaluation over the whole catalogue: the held-out items of each user are ranked among all items that the
// user does not have in training (nor, in the test, in validation). Unlike ranking among sampled negatives it
// compares models fairly (Krichene and Rendle, "On Sampled Metrics for Item Recommendation", KDD 2020).
#pragma once

#include <cstdint>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/evaluate/metrics.hpp"
#include "neumf/evaluate/ranking_cases.hpp"
#include "neumf/nn/neumf_model.hpp"

namespace neumf {

template <class Device, class T>
class FullEvaluator {
 public:
  // Copies the cases, and what is left out, to the device. `first_row`: the row of the shard's first user
  // in the user tables; `block_samples`: how many items are scored at a time; `topk`: every K to report.
  FullEvaluator(Context<Device>& context, Parameters<Device, T>& parameters, const ModelShape& shape,
                const RankingCases& cases, std::uint32_t first_row, std::int64_t block_samples,
                std::vector<int> topk);

  // Metrics over all ranks' users. Collective.
  Ranking evaluate(Context<Device>& context, const Communicator& communicator);
  // Of the cases, as the last evaluation found them.
  const UserRanks& ranks() const { return user_ranks_; }

  // Items that this rank scores in one evaluation.
  std::int64_t samples() const { return users_ * items_; }
  std::size_t bytes() const;

 private:
  std::int64_t users_, items_;
  std::int64_t block_users_;  // whole catalogues in a block, or 1
  std::int64_t block_items_;  // the whole catalogue, or a part of it where block_users_ is 1
  std::vector<int> topk_;
  NeuMF<Device, T> model_;
  Tensor<std::uint32_t, Device> rows_;       // of the users
  Tensor<std::uint32_t, Device> catalogue_;  // 0, 1, 2, ... for each user of a block
  // Of each held-out item: its user's row in a block, and the item. Of users: what is left out.
  Tensor<std::uint32_t, Device> case_rows_, held_out_, seen_;
  Tensor<std::uint64_t, Device> seen_offsets_;
  Tensor<float, Device> scores_;  // of one block: [users, items]
  Tensor<std::uint32_t, Device> ranks_;
  UserRanks user_ranks_;  // the offsets are those of held_out_
};

}  // namespace neumf
