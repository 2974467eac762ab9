#include "neumf/comm/placement.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace neumf {
namespace {

// Processors that a control group (a container, a batch job) allows, or 0 if it sets no limit.
int control_group_limit() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  return std::max(1, static_cast<int>(std::ceil(std::strtod(quota.c_str(), nullptr) / period)));
}

// What each rank of this machine may run on.
std::vector<cpu_set_t> masks_of_node(const Communicator& communicator) {
  cpu_set_t mine;
  CPU_ZERO(&mine);
  if (sched_getaffinity(0, sizeof mine, &mine) != 0) CPU_SET(0, &mine);
  return communicator.node_allgather(mine);
}

std::ptrdiff_t equal_masks(std::span<const cpu_set_t> masks, const cpu_set_t& mask) {
  return std::count_if(masks.begin(), masks.end(),
                       [&](const cpu_set_t& other) { return CPU_EQUAL(&other, &mask) != 0; });
}

// How to give each of `ranks` ranks its share of `cores`.
std::string remedy(const std::vector<Launcher>& launchers, int ranks, int cores) {
  if (ranks > cores) return fmt::format("start at most {} ranks here", cores);
  const int each = cores / ranks;
  if (launchers.empty()) return "give it more with taskset";
  switch (launchers.front().kind) {
    case LauncherKind::open_mpi:
      return ranks == 1 ? "mpirun --bind-to none"
                        : fmt::format("mpirun --map-by slot:PE={} --bind-to core", each);
    case LauncherKind::mpich:
      return "mpiexec -bind-to none";
    case LauncherKind::intel_mpi:
      return fmt::format("I_MPI_PIN_DOMAIN={}, or I_MPI_PIN=0", each);
    case LauncherKind::slurm:
      return fmt::format("srun --cpus-per-task={}", each);
  }
  return {};
}

}  // namespace

int threads_for_rank(const Communicator& communicator) {
  const auto masks = masks_of_node(communicator);
  const cpu_set_t& mine = masks[static_cast<std::size_t>(communicator.node_rank())];
  const auto sharing = std::max<std::ptrdiff_t>(1, equal_masks(masks, mine));
  int threads = std::max(1, CPU_COUNT(&mine) / static_cast<int>(sharing));
  if (const int limit = control_group_limit(); limit > 0)
    threads = std::min(threads, std::max(1, limit / communicator.node_size()));
  if (const char* text = std::getenv("OMP_NUM_THREADS"); text != nullptr && std::atoi(text) > 0)
    threads = std::atoi(text);
  return threads;
}

std::string placement_note(std::span<const cpu_set_t> ranks, const cpu_set_t& available,
                           const std::vector<Launcher>& launchers) {
  cpu_set_t used;
  CPU_ZERO(&used);
  for (const cpu_set_t& mask : ranks) CPU_OR(&used, &used, &mask);
  CPU_AND(&used, &used, &available);
  const int count = static_cast<int>(ranks.size()), all = CPU_COUNT(&available);
  for (const cpu_set_t& mask : ranks)
    if (const auto sharing = equal_masks(ranks, mask); sharing > CPU_COUNT(&mask))
      return fmt::format("{} ranks share {} core{}: {}", sharing, CPU_COUNT(&mask),
                         CPU_COUNT(&mask) == 1 ? "" : "s", remedy(launchers, count, all));
  if (const int idle = all - CPU_COUNT(&used); idle > 0 && all / count > CPU_COUNT(&used) / count)
    return fmt::format("{} of {} cores are left unused by where the rank{} may run: {}", idle, all,
                       count == 1 ? "" : "s", remedy(launchers, count, all));
  return {};
}

std::string placement_note(const Communicator& communicator) {
  const auto launchers = find_launchers();
  const auto masks = masks_of_node(communicator);
  // What started this process could have given it all that it has itself. Slurm's daemon has what other jobs
  // use, too.
  cpu_set_t available;
  CPU_ZERO(&available);
  const bool slurm = !launchers.empty() && launchers.front().kind == LauncherKind::slurm;
  if (slurm || sched_getaffinity(getppid(), sizeof available, &available) != 0)
    for (const cpu_set_t& mask : masks) CPU_OR(&available, &available, &mask);
  return placement_note(masks, available, launchers);
}

}  // namespace neumf
