// How the learning rate changes from epoch to epoch.
#pragma once

#include "neumf/config/options.hpp"

namespace neumf {

struct LearningRate {
  double base = 0.0045;
  LearningRateSchedule schedule = LearningRateSchedule::constant;
  int epochs = 30;        // of the run: linear and cosine end after the last one
  int warmup = 0;         // epochs of a linear rise before the schedule begins
  double decay = 0.5;     // factor of exponential and step
  int decay_epochs = 10;  // step multiplies by `decay` every so many epochs, exponential every epoch

  // The rate of an epoch, counted from 1. With t epochs since the warm-up out of n:
  //   linear       base (1 - t / n)
  //   cosine       base (1 + cos(pi t / n)) / 2
  //   exponential  base decay^t
  //   step         base decay^floor(t / decay_epochs)
  // The w epochs of a warm-up have base e / (w + 1).
  double at(int epoch) const;
};

}  // namespace neumf
