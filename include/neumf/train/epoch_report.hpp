// What is known of an epoch after its evaluation.
#pragma once

namespace neumf {

struct EpochReport {
  int epoch = 0;  // from 1
  double train_loss = 0, validation_loss = 0, hit_rate = 0, ndcg = 0;
  double train_seconds = 0, evaluation_seconds = 0;
  double train_throughput = 0, evaluation_throughput = 0;  // samples per second
  double seconds_since_start = 0;                          // of training, over all runs that were resumed
  bool best = false;
};

}  // namespace neumf
