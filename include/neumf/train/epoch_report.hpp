// What is known of an epoch after its evaluation.
#pragma once

#include <cstdint>
#include <optional>

#include "neumf/core/profiler.hpp"

namespace neumf {

// Seconds by phase: the least, mean and most of any rank.
struct PhaseSummary {
  PhaseTimes least{}, mean{}, most{};
};

struct EpochReport {
  int epoch = 0;  // from 1
  double train_loss = 0, validation_loss = 0, hit_rate = 0, ndcg = 0;
  double train_seconds = 0, evaluation_seconds = 0;
  double train_throughput = 0, evaluation_throughput = 0;  // samples per second
  double seconds_since_start = 0;                          // of training, over all runs that were resumed
  bool best = false;
  // Not kept in checkpoints:
  std::uint64_t updates = 0;           // of this run, where it began within the epoch
  std::uint64_t bytes_per_update = 0;  // that a rank gives to the gradient exchange
  std::optional<PhaseSummary> phases{};  // with --profile
};

}  // namespace neumf
