#include "neumf/comm/placement.hpp"

#include <gmock/gmock.h>

#include <initializer_list>

namespace neumf {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

cpu_set_t cores(std::initializer_list<int> numbers) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int number : numbers) CPU_SET(static_cast<std::size_t>(number), &set);
  return set;
}

std::string note(const std::vector<cpu_set_t>& ranks, const cpu_set_t& available, LauncherKind kind) {
  return placement_note(ranks, available, {{kind, 4, static_cast<int>(ranks.size()), 0, 0}});
}

TEST(PlacementNote, IsSilentWhereAllIsWell) {
  const auto four = cores({0, 1, 2, 3});
  EXPECT_THAT(note({four}, four, LauncherKind::open_mpi), IsEmpty());
  EXPECT_THAT(note({cores({0, 1}), cores({2, 3})}, four, LauncherKind::open_mpi), IsEmpty());
  EXPECT_THAT(note({four, four, four, four}, four, LauncherKind::mpich), IsEmpty());
  // Three ranks cannot divide four cores.
  EXPECT_THAT(note({cores({0}), cores({1}), cores({2})}, four, LauncherKind::intel_mpi), IsEmpty());
}

TEST(PlacementNote, NamesUnusedCores) {
  const auto four = cores({0, 1, 2, 3});
  const auto one = note({cores({2})}, four, LauncherKind::open_mpi);
  EXPECT_THAT(one, HasSubstr("3 of 4 cores"));
  EXPECT_THAT(one, HasSubstr("--bind-to none"));
  EXPECT_THAT(note({cores({0}), cores({1})}, four, LauncherKind::open_mpi), HasSubstr("slot:PE=2"));
  EXPECT_THAT(note({cores({0}), cores({1})}, four, LauncherKind::intel_mpi), HasSubstr("I_MPI_PIN_DOMAIN=2"));
  EXPECT_THAT(note({cores({0}), cores({1})}, four, LauncherKind::slurm), HasSubstr("--cpus-per-task=2"));
}

TEST(PlacementNote, NamesSharedCores) {
  const auto two = cores({0, 1});
  EXPECT_THAT(note({cores({0}), cores({0})}, two, LauncherKind::intel_mpi),
              HasSubstr("2 ranks share 1 core: I_MPI_PIN"));
  EXPECT_THAT(note({two, two, two}, two, LauncherKind::mpich),
              HasSubstr("3 ranks share 2 cores: start at most 2 ranks"));
}

}  // namespace
}  // namespace neumf
