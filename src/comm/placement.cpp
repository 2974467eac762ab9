#include "neumf/comm/placement.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
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

}  // namespace

int threads_for_rank(const Communicator& communicator) {
  cpu_set_t mine;
  CPU_ZERO(&mine);
  if (sched_getaffinity(0, sizeof mine, &mine) != 0) return 1;
  std::vector<cpu_set_t> masks(static_cast<std::size_t>(communicator.node_size()));
  check_mpi(
      MPI_Allgather(&mine, sizeof mine, MPI_BYTE, masks.data(), sizeof mine, MPI_BYTE, communicator.node()),
      "MPI_Allgather");
  const auto sharing = std::max<std::ptrdiff_t>(
      1, std::count_if(masks.begin(), masks.end(),
                       [&](const cpu_set_t& other) { return CPU_EQUAL(&other, &mine) != 0; }));
  int threads = std::max(1, CPU_COUNT(&mine) / static_cast<int>(sharing));
  if (const int limit = control_group_limit(); limit > 0)
    threads = std::min(threads, std::max(1, limit / communicator.node_size()));
  if (const char* text = std::getenv("OMP_NUM_THREADS"); text != nullptr && std::atoi(text) > 0)
    threads = std::atoi(text);
  return threads;
}

}  // namespace neumf
