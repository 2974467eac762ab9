// The neumf program: one process per rank.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include <fmt/format.h>

#include "neumf/comm/communicator.hpp"
#include "neumf/comm/launcher.hpp"
#include "neumf/core/processor.hpp"
#include "neumf/core/version.hpp"
#include "neumf/data/write_errors.hpp"
#include "program/command.hpp"

namespace {

// Whether another MPI's launcher started this process. The one that it takes for the first says so.
bool launched_wrongly(const neumf::Communicator& communicator) {
  const auto launchers = neumf::find_launchers();
  const auto reason = neumf::wrong_launcher(launchers, communicator.size(), neumf::mpi_name());
  if (reason && launchers.front().rank <= 0) fmt::print(stderr, "neumf: error: {}\n", *reason);
  return reason.has_value();
}

// The best kernels that every rank's processor has. Ranks keep copies of the same parameters and update each
// its own, so they must round alike.
void agree_on_kernels(const neumf::Communicator& communicator) {
  std::int32_t level = neumf::kernel_level();
  communicator.allreduce_min(std::span(&level, 1));
  neumf::set_kernel_level(level);
}

// Returns the exit status.
int run(int argc, char** argv) {
  const auto communicator = neumf::Communicator::world();
  try {
    if (launched_wrongly(communicator)) return EXIT_FAILURE;
    agree_on_kernels(communicator);
    return neumf::program::run({argv + 1, argv + argc}, communicator);
  } catch (const neumf::CollectiveError& error) {
    // All ranks are here: one says why and all leave.
    if (communicator.is_root()) fmt::print(stderr, "neumf: error: {}\n", error.what());
    std::fflush(nullptr);
    communicator.barrier();
    return EXIT_FAILURE;
  } catch (const std::exception& error) {
    // The others may be waiting for this rank.
    fmt::print(stderr, "neumf: error on rank {}: {}\n", communicator.rank(), error.what());
    std::fflush(nullptr);
    MPI_Abort(communicator.mpi(), EXIT_FAILURE);
    return EXIT_FAILURE;
  }
}

}  // namespace

int main(int argc, char** argv) {
  neumf::let_writes_fail();
  try {
    neumf::set_mpi_defaults();
    const neumf::MpiSession mpi(argc, argv);
    return run(argc, argv);
  } catch (const std::exception& error) {
    // There is no rank 0 yet, or no longer.
    fmt::print(stderr, "neumf: error: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
