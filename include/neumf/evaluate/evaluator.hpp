// Evaluation of a rank's users, on its device: their held-out items are ranked among sampled negatives (He et
// al., WWW 2017, section 4.1).
#pragma once

#include <cstdint>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/evaluate/metrics.hpp"
#include "neumf/evaluate/ranking_cases.hpp"
#include "neumf/nn/item_rows.hpp"
#include "neumf/nn/neumf_model.hpp"

namespace neumf {

// Where every user has one held-out item, this and its negatives, as they are stored, are a group, and the
// device ranks it. Where users have several, the held-out items and the distinct negatives of a user fill
// groups of a fixed size, and the host ranks their scores.
template <class Device, class T>
class Evaluator {
 public:
  // Copies the cases to the device. `first_row`: the row of the shard's first user in the user tables;
  // `block_samples`: how many items are scored at a time; `topk`: every K to report, the principal one first;
  // `loss`: what Metrics::loss is, of every scored item or of every held-out item; `item_source`: where the
  // parameters' items are shared out, who reads them, which must outlive this.
  Evaluator(Context<Device>& context, Parameters<Device, T>& parameters, const ModelShape& shape,
            const RankingCases& cases, std::uint32_t first_row, std::int64_t block_samples,
            std::vector<int> topk, Loss loss = Loss::bce, ItemRows<Device>* item_source = nullptr);

  // Metrics over all ranks' users. Collective.
  Metrics evaluate(Context<Device>& context, const Communicator& communicator);
  // Of the cases, as the last evaluation found them.
  const UserRanks& ranks() const { return user_ranks_; }

  // Items that this rank scores in one evaluation.
  std::int64_t samples() const { return samples_; }
  std::size_t bytes() const;

 private:
  // Where a case's scores are, in several groups.
  struct List {
    std::int64_t first = 0;                   // sample
    std::size_t held_out = 0, negatives = 0;  // held-out items come first
  };

  // One for each case and an end; none where every user has one held-out item.
  static std::vector<List> lists_of(const RankingCases& cases);
  // Scores groups whose items' rows are `items`, all of which the tables have. Returns their squared errors
  // where those are the loss.
  double score(Context<Device>& context, std::int64_t first, std::int64_t groups, const std::uint32_t* items);
  // Fill user_ranks_, and return the sum of this rank's losses.
  double rank_groups(Context<Device>& context);
  double rank_lists(Context<Device>& context);
  double squares_of(Context<Device>& context, std::int64_t groups);

  std::vector<List> lists_;
  std::int32_t group_size_;
  std::int64_t groups_, samples_ = 0;
  std::vector<int> topk_;
  Loss loss_kind_;
  NeuMF<Device, T> model_;
  Tensor<std::uint32_t, Device> rows_, items_;
  ItemRows<Device>* item_source_;
  std::int64_t groups_at_once_;              // whose items the tables have
  Tensor<std::uint32_t, Device> item_rows_;  // of these groups, from item_source_
  Tensor<std::uint8_t, Device> labels_;      // of one block; of one held-out item each
  Tensor<float, Device> logits_;             // of one block
  Tensor<std::uint32_t, Device> ranks_;      // of one held-out item each
  Tensor<double, Device> loss_;
  std::vector<float> scores_;  // of lists: of all groups; of ials otherwise: of one block
  UserRanks user_ranks_;
};

}  // namespace neumf
