// The neumf program: one process per rank.
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "neumf/comm/communicator.hpp"
#include "program/command.hpp"

int main(int argc, char** argv) {
  const neumf::MpiSession mpi(argc, argv);
  const auto communicator = neumf::Communicator::world();
  try {
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
