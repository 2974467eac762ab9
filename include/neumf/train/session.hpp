// A run on one device in one precision: reads the data set, trains or tests, reports, saves the best model.
#pragma once

#include "neumf/comm/communicator.hpp"
#include "neumf/config/options.hpp"
#include "neumf/core/context.hpp"

namespace neumf {

// Trains or tests as the options say. T: the type in which products are computed. Returns the exit status
// (core/exit_status.hpp). Collective. Throws CollectiveError
// where all ranks know of the failure.
template <class Device, class T>
int run_session(Context<Device>& context, const Options& options, const Communicator& communicator);

}  // namespace neumf
