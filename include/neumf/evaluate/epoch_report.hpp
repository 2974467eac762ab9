// What is known of an epoch after its evaluation.
#pragma once

#include <cstdint>
#include <optional>

#include "neumf/core/profiler.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/evaluate/metrics.hpp"

namespace neumf {

// Seconds by phase: the least, mean and most of any rank.
struct PhaseSummary {
  PhaseTimes least{}, mean{}, most{};
};

struct EpochReport {
  int epoch = 0;  // from 1; 0: a pre-trained model before it is trained on
  double train_loss = 0, validation_loss = 0, hit_rate = 0, ndcg = 0;
  double train_seconds = 0, evaluation_seconds = 0;
  double train_throughput = 0, evaluation_throughput = 0;  // samples per second
  double seconds_since_start = 0;                          // of training, over all runs that were resumed
  bool best = false;
  double learning_rate = 0;
  Ranking sampled{};              // at every K; a resumed run does not know it of earlier epochs
  std::optional<Ranking> full{};  // with --eval full
  double full_seconds = 0;
  HeldOutPart part = HeldOutPart::test;  // whose items were ranked
  bool several = false;                  // of some user
  // Not kept in checkpoints:
  std::uint64_t updates = 0;             // of this run, where it began within the epoch
  std::uint64_t bytes_per_update = 0;    // that a rank gives to the gradient exchange
  std::optional<PhaseSummary> phases{};  // with --profile

  // The HR@topk that the best epoch, --threshold and --patience go by: over the whole catalogue where that is
  // evaluated.
  double target() const { return full ? full->at.front().hit_rate : hit_rate; }
};

}  // namespace neumf
