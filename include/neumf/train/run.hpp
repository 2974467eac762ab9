// A whole run: from options to a trained or evaluated model.
#pragma once

#include "neumf/comm/communicator.hpp"
#include "neumf/train/options.hpp"

namespace neumf {

// Trains or tests as the options say, and returns the exit status (train/exit_status.hpp). Collective. Throws
// CollectiveError where all ranks know of the failure.
int run(const Options& options, const Communicator& communicator);

}  // namespace neumf
