#include "epoch_history.hpp"

#include <algorithm>

namespace neumf {

double best_target(const std::vector<EpochReport>& epochs) {
  double best = -1;
  for (const auto& report : epochs) best = std::max(best, report.target());
  return best;
}

bool out_of_patience(const std::vector<EpochReport>& epochs, int patience) {
  if (patience == 0 || epochs.empty()) return false;
  const auto best = std::max_element(epochs.begin(), epochs.end(),
                                     [](auto& a, auto& b) { return a.target() < b.target(); });
  return epochs.back().epoch - best->epoch >= patience;
}

}  // namespace neumf
