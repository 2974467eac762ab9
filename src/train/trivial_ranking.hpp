// Whether HR@K can tell models apart.
#pragma once

#include <string>

#include "inputs.hpp"
#include "neumf/comm/communicator.hpp"
#include "neumf/config/options.hpp"

namespace neumf {

// What to tell the user where many held-out items are among the first K whatever the model, since fewer than K
// others compete with them; empty where they are few. Collective.
std::string trivial_ranking(const Options& options, const Inputs& inputs, const Communicator& communicator);

}  // namespace neumf
