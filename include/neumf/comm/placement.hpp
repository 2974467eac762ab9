// Where a rank runs: its share of the machine.
#pragma once

#include <sched.h>

#include <span>
#include <string>

#include "neumf/comm/communicator.hpp"
#include "neumf/comm/launcher.hpp"

namespace neumf {

// Threads for this rank: the processors that it may run on (its affinity, which mpirun and srun set, the
// limit of its control group, and OMP_NUM_THREADS), divided among the ranks of this machine that share them.
// Collective.
int threads_for_rank(const Communicator& communicator);

// What is wrong with where the ranks of a machine may run, with the launcher's own remedy; empty if all is
// well. `ranks`: what each may run on; `available`: what the launcher could give them.
std::string placement_note(std::span<const cpu_set_t> ranks, const cpu_set_t& available,
                           const std::vector<Launcher>& launchers);
// The same of this rank's machine. Collective.
std::string placement_note(const Communicator& communicator);

}  // namespace neumf
