// What is measured after an epoch: the ranking of held-out items, with --eval full also over the catalogue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/config/options.hpp"
#include "neumf/core/context.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/evaluate/epoch_report.hpp"
#include "neumf/evaluate/evaluator.hpp"
#include "neumf/evaluate/full_evaluator.hpp"
#include "neumf/nn/item_rows.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/train/heartbeat.hpp"

namespace neumf {

template <class Device, class T>
class EpochEvaluation {
 public:
  // Ranks what `part` of the shard holds out. `first_row`, `items`: as for Evaluator. The references must
  // outlive it.
  EpochEvaluation(Context<Device>& context, const Communicator& communicator, const Options& options,
                  Parameters<Device, T>& parameters, const ModelShape& shape, const Shard& shard,
                  HeldOutPart part, std::int64_t first_row, ItemRows<Device>* items, Heartbeat& heartbeat);

  // Evaluates the parameters as they are and fills in what `report` says of that. Collective.
  void run(EpochReport& report);
  // What each of this rank's users got in the last evaluation; `full` is null without --eval full.
  const std::vector<std::uint32_t>& users() const { return users_; }  // of the shard
  const UserRanks& sampled_ranks() const { return sampled_.ranks(); }
  const UserRanks* full_ranks() const { return full_ ? &full_->ranks() : nullptr; }

  // Of all evaluations so far.
  double seconds() const { return seconds_; }
  std::size_t bytes() const;

 private:
  Context<Device>& context_;
  const Communicator& communicator_;
  Heartbeat& heartbeat_;
  HeldOutPart part_;
  std::vector<std::uint32_t> users_;
  Evaluator<Device, T> sampled_;
  std::optional<FullEvaluator<Device, T>> full_;  // with --eval full
  double seconds_ = 0;

  EpochEvaluation(Context<Device>& context, const Communicator& communicator, const Options& options,
                  Parameters<Device, T>& parameters, const ModelShape& shape, const RankingCases& cases,
                  HeldOutPart part, std::int64_t first_row, ItemRows<Device>* items, Heartbeat& heartbeat);
};

}  // namespace neumf
