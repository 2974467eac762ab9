// Where a rank runs: its share of the machine.
#pragma once

#include "neumf/comm/communicator.hpp"

namespace neumf {

// Threads for this rank: the processors that it may run on (its affinity, which mpirun and srun set, the
// limit of its control group, and OMP_NUM_THREADS), divided among the ranks of this machine that share them.
// Collective.
int threads_for_rank(const Communicator& communicator);

}  // namespace neumf
