// When training has diverged: the run stops, and says what to do about it.
//
// Both are called with what is the same on every rank, so every rank throws CollectiveError or none does.
#pragma once

#include "neumf/config/options.hpp"

namespace neumf {

// Stops a run whose loss is infinite or not a number. `epoch`: from 1, for the message.
void require_finite_loss(double loss, int epoch, const Options& options);

// Stops a run whose loss scale has collapsed.
void require_loss_scale(float loss_scale, float learning_rate);

}  // namespace neumf
