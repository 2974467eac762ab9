// A whole run: from options to a trained or evaluated model.
#pragma once

#include "neumf/comm/communicator.hpp"
#include "neumf/train/options.hpp"

namespace neumf {

// Trains or tests as the options say. Collective. Throws CollectiveError where all ranks know of the failure.
void run(const Options& options, const Communicator& communicator);

}  // namespace neumf
