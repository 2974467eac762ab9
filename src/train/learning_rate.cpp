#include "neumf/train/learning_rate.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace neumf {

double LearningRate::at(int epoch) const {
  if (epoch <= warmup) return base * epoch / (warmup + 1);
  const int t = epoch - warmup - 1;
  const double part = static_cast<double>(t) / std::max(epochs - warmup, 1);
  switch (schedule) {
    case LearningRateSchedule::linear:
      return base * (1 - part);
    case LearningRateSchedule::cosine:
      return base * (1 + std::cos(std::numbers::pi * part)) / 2;
    case LearningRateSchedule::exponential:
      return base * std::pow(decay, t);
    case LearningRateSchedule::step:
      return base * std::pow(decay, t / decay_epochs);
    case LearningRateSchedule::constant:
      break;
  }
  return base;
}

}  // namespace neumf
