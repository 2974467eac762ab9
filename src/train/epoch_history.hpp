// What the epochs trained so far say about going on.
#pragma once

#include <vector>

#include "neumf/evaluate/epoch_report.hpp"

namespace neumf {

// The best EpochReport::target(); -1 before the first epoch.
double best_target(const std::vector<EpochReport>& epochs);

// The first epoch with that target; there must be one.
const EpochReport& best_epoch(const std::vector<EpochReport>& epochs);

// Whether the last `patience` epochs brought nothing better. 0: never out of patience.
bool out_of_patience(const std::vector<EpochReport>& epochs, int patience);

}  // namespace neumf
