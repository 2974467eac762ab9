#include "epoch_history.hpp"

#include <algorithm>

namespace neumf {

double best_target(const std::vector<EpochReport>& epochs) {
  double best = -1;
  for (const auto& report : epochs) best = std::max(best, report.target());
  return best;
}

const EpochReport& best_epoch(const std::vector<EpochReport>& epochs) {
  return *std::max_element(epochs.begin(), epochs.end(),
                           [](auto& a, auto& b) { return a.target() < b.target(); });
}

bool out_of_patience(const std::vector<EpochReport>& epochs, int patience) {
  return patience != 0 && !epochs.empty() && epochs.back().epoch - best_epoch(epochs).epoch >= patience;
}

}  // namespace neumf
