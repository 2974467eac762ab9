// What recommending without a trained model is worth on a data set: a model that does not beat these learned
// nothing of use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/evaluate/metrics.hpp"

namespace neumf {

struct BaselineResult {
  std::string name;  // "popularity", "item-knn"
  Ranking sampled,
      full;            // among the stored negatives, and in the whole catalogue (evaluate/full_evaluator.hpp)
  double seconds = 0;  // to prepare and evaluate
};

// Ranks every user's held-out item by the items' popularity (the number of users who have them in training)
// and by item-kNN (item_knn.hpp). Users who have no neighbour of an item score it 0; ties count against the
// held-out item, as everywhere. Collective; the users are shared among the ranks.
std::vector<BaselineResult> evaluate_baselines(Context<Cpu>& context, const Communicator& communicator,
                                               const Dataset& dataset, std::uint32_t neighbours,
                                               const std::vector<int>& topk);

}  // namespace neumf
