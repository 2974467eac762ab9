// What other ways of recommending are worth on a data set: a model that does not beat popularity learned
// nothing of use, and one that does not beat the others is better replaced by them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/value_names.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/evaluate/als.hpp"
#include "neumf/evaluate/metrics.hpp"

namespace neumf {

enum class BaselineMethod { popularity, item_knn, als, ease };
constexpr auto value_names(BaselineMethod) {
  return std::to_array<NamedValue<BaselineMethod>>({{"popularity", BaselineMethod::popularity},
                                                    {"item-knn", BaselineMethod::item_knn},
                                                    {"als", BaselineMethod::als},
                                                    {"ease", BaselineMethod::ease}});
}

struct BaselineSpec {
  std::vector<BaselineMethod> methods;  // empty: all, without those that cannot run here
  std::uint32_t neighbours = 50;        // of item-kNN
  AlsSpec als;
  double ease_regularisation = 500;
};

struct BaselineResult {
  std::string name;         // of the method
  std::string description;  // what it is exactly, for people
  std::string refused;      // why it did not run; then there is nothing else
  Ranking sampled,
      full;            // among the stored negatives, and in the whole catalogue (evaluate/full_evaluator.hpp)
  double seconds = 0;  // to prepare and evaluate
};

// Ranks every user's held-out item by the items' popularity (the number of users who have them in training),
// by item-kNN (item_knn.hpp), by ALS (als.hpp) and by EASE (ease.hpp). Users who have no neighbour of an item
// score it 0; ties count against the held-out item, as everywhere. A method that was asked for by name and
// cannot run is an error. Collective; the users are shared among the ranks.
std::vector<BaselineResult> evaluate_baselines(Context<Cpu>& context, const Communicator& communicator,
                                               const Dataset& dataset, const BaselineSpec& spec,
                                               const std::vector<int>& topk);

}  // namespace neumf
