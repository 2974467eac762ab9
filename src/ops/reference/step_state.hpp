// Between the backward pass and the optimizer: are all gradients finite, and what follows for the loss scale
// (Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.2). An update whose gradients are
// not finite is skipped and the scale lowered; after `growth_interval` good ones in a row it is raised.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "traffic.hpp"

namespace neumf::reference {

inline bool all_finite(const std::vector<float>& gradients) {
  return std::all_of(gradients.begin(), gradients.end(), [](float g) { return std::isfinite(g); });
}

struct LossScale {
  double growth = 2, backoff = 0.5, maximum = 16777216, minimum = 1 / 16777216.0;
  int growth_interval = 2000;
  double scale = 1;
  int good_updates = 0;
  int applied = 0, skipped = 0;

  void update(bool overflow) {
    if (overflow) {
      ++skipped;
      good_updates = 0;
      scale = std::max(scale * backoff, minimum);
      return;
    }
    ++applied;
    if (++good_updates < growth_interval) return;
    good_updates = 0;
    scale = std::min(scale * growth, maximum);
  }
};

// Adam's bias corrections (algorithm 1) as factors of the step and of the root of the second moment.
inline double adam_step_size(double learning_rate, double beta1, int t) {
  return learning_rate / (1 - std::pow(beta1, t));
}
inline double adam_second_moment_scale(double beta2, int t) {
  return 1 / std::sqrt(1 - std::pow(beta2, t));
}

constexpr Traffic check_finite_traffic(double parameters) {
  return {parameters * 4, 0};
}

}  // namespace neumf::reference
