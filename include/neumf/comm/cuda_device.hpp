// Which GPU a rank uses, in builds with CUDA.
#pragma once

#include "neumf/comm/communicator.hpp"

namespace neumf {

// The ranks of a machine take the GPUs that they see in turn. CUDA_VISIBLE_DEVICES and what a batch system
// shows each task are respected: a rank that sees one GPU uses it. Throws Error if this rank sees none.
int cuda_device_for(const Communicator& communicator);

// Whether several ranks use the same GPU anywhere. `device`: this rank's. Collective.
bool ranks_share_gpus(int device, const Communicator& communicator);

}  // namespace neumf
