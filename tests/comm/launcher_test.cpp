// Launchers as they show in the environment: the variables are those that each was seen to set.
#include "neumf/comm/launcher.hpp"

#include <gmock/gmock.h>

#include <map>
#include <sstream>

#include "neumf/core/error.hpp"
#include "neumf/core/version.hpp"

namespace neumf {
namespace {

using testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

// From "NAME=value NAME=value".
Variables environment(const std::string& text) {
  Variables all;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    all.emplace(word.substr(0, equals), word.substr(equals + 1));
  }
  return all;
}

const Variables open_mpi_4 =
    environment("OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=2");
const Variables open_mpi_5 = environment(
    "OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_LOCAL_SIZE=2 PRTE_LAUNCHED=1 "
    "OMPI_VERSION=5.0.11");
const Variables mpich = environment("PMI_SIZE=4 PMI_RANK=3 MPI_LOCALNRANKS=2 HYDI_CONTROL_FD=7");
const Variables intel = environment(
    "PMI_SIZE=2 PMI_RANK=0 MPI_LOCALNRANKS=2 HYDRA_BSTRAP_LAUNCHER=ssh I_MPI_HYDRA_UUID=ed620000-076a-6852");
const Variables slurm = environment("SLURM_STEP_NUM_TASKS=8 SLURM_PROCID=5");
const Variables slurm_pmi2 = environment("SLURM_STEP_NUM_TASKS=8 SLURM_PROCID=5 PMI_SIZE=8 PMI_RANK=5");
const Variables mpich_through_slurm =
    environment("SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=0 PMI_SIZE=8 PMI_RANK=0 HYDI_CONTROL_FD=7");

Environment looking_up(const Variables& variables) {
  return [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

std::vector<Launcher> find(const Variables& variables) {
  return find_launchers(looking_up(variables));
}

bool launched(const Variables& variables) {
  return is_launched(looking_up(variables));
}

// A process that nobody launched is set up to send to itself alone, which no rank among others may be.
TEST(Launchers, AreNoticedWhereTheyAreUnknown) {
  EXPECT_FALSE(launched({}));
  EXPECT_FALSE(launched(environment("SLURM_JOB_ID=3 SLURM_NTASKS=4 PMIX_MCA_gds=hash")));  // a batch script
  for (const Variables* variables : {&open_mpi_4, &open_mpi_5, &mpich, &intel, &slurm, &slurm_pmi2})
    EXPECT_TRUE(launched(*variables));
  EXPECT_TRUE(launched(environment("PMIX_NAMESPACE=prun-1@1 PMIX_RANK=0")));
  EXPECT_TRUE(launched(environment("PMI_FD=5")));
  EXPECT_TRUE(launched(environment("PMI_PORT=node:4711")));
}

TEST(Launchers, AreRecognised) {
  EXPECT_TRUE(find({}).empty());
  EXPECT_TRUE(find({{"OMPI_COMM_WORLD_SIZE", ""}, {"PMI_SIZE", "x"}}).empty());
  struct {
    const Variables& variables;
    LauncherKind kind;
    int ranks, rank, node_ranks;
  } const cases[] = {{open_mpi_4, LauncherKind::open_mpi, 2, 1, 2},
                     {open_mpi_5, LauncherKind::open_mpi, 2, 0, 2},
                     {mpich, LauncherKind::mpich, 4, 3, 2},
                     {intel, LauncherKind::intel_mpi, 2, 0, 2},
                     {slurm, LauncherKind::slurm, 8, 5, 0},
                     {slurm_pmi2, LauncherKind::slurm, 8, 5, 0},
                     {mpich_through_slurm, LauncherKind::mpich, 8, 0, 0}};
  for (const auto& [variables, kind, ranks, rank, node_ranks] : cases) {
    const auto found = find(variables);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].kind, kind) << found[0].name();
    EXPECT_EQ(found[0].ranks, ranks) << found[0].name();
    EXPECT_EQ(found[0].rank, rank) << found[0].name();
    EXPECT_EQ(found[0].node_ranks, node_ranks) << found[0].name();
  }
}

TEST(Launchers, OfAnotherMpiAreRefused) {
  const auto reason = wrong_launcher(find(mpich), 1, "Open MPI 4.1.4");
  ASSERT_TRUE(reason.has_value());
  EXPECT_THAT(*reason, HasSubstr("MPICH's mpiexec started 4 processes"));
  EXPECT_THAT(*reason, HasSubstr("Open MPI 4.1.4"));
  EXPECT_THAT(wrong_launcher(find(open_mpi_5), 1, "MPICH 5.0.2").value_or(""),
              HasSubstr("Open MPI's mpirun"));
  EXPECT_THAT(wrong_launcher(find(slurm), 1, "Open MPI 4.1.4").value_or(""), HasSubstr("--mpi=pmix"));
  // Their own, one rank, and nobody.
  EXPECT_FALSE(wrong_launcher(find(mpich), 4, "MPICH 5.0.2"));
  EXPECT_FALSE(wrong_launcher(find({{"PMI_SIZE", "1"}, {"PMI_RANK", "0"}}), 1, "MPICH 5.0.2"));
  EXPECT_FALSE(wrong_launcher({}, 1, "MPICH 5.0.2"));
  // mpiexec -n 1 called by a rank of another launcher.
  Variables both = open_mpi_4;
  both.merge(Variables{{"PMI_SIZE", "1"}, {"PMI_RANK", "0"}});
  EXPECT_FALSE(wrong_launcher(find(both), 1, "MPICH 5.0.2"));
}

TEST(Launchers, ThatLoseStandardInputAreRefused) {
  EXPECT_NO_THROW(require_standard_input({}, "--users"));
  for (const Variables& fine : {open_mpi_4, slurm, slurm_pmi2})
    EXPECT_NO_THROW(require_standard_input(find(fine), "--users"));
  for (const Variables& lossy : {open_mpi_5, mpich, intel, mpich_through_slurm}) {
    try {
      require_standard_input(find(lossy), "--users");
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("--users -: "));
      EXPECT_THAT(error.what(), HasSubstr("name a file"));
    }
  }
}

TEST(Launchers, MayStartMoreRanksThanCores) {
  EXPECT_TRUE(is_crowded(find(mpich), LauncherKind::mpich, 1));
  EXPECT_FALSE(is_crowded(find(mpich), LauncherKind::mpich, 2));
  EXPECT_TRUE(is_crowded(find(intel), LauncherKind::intel_mpi, 1));
  EXPECT_FALSE(is_crowded(find(intel), LauncherKind::mpich, 1));
  EXPECT_FALSE(is_crowded({}, LauncherKind::mpich, 1));
}

TEST(Launchers, LoseStandardOutput) {
  EXPECT_TRUE(loses_standard_output(find(open_mpi_5), "Open MPI 5.0.7"));
  EXPECT_FALSE(loses_standard_output(find(open_mpi_5), "Open MPI 5.0.11"));
  EXPECT_FALSE(loses_standard_output(find(open_mpi_5), "Open MPI 5.1.0"));
  EXPECT_FALSE(loses_standard_output(find(open_mpi_4), "Open MPI 4.1.4"));
  EXPECT_FALSE(loses_standard_output({}, "Open MPI 5.0.7"));  // without a launcher
  EXPECT_FALSE(loses_standard_output(find(mpich), "MPICH 5.0.2"));
}

TEST(Launchers, KnowWhetherOneMachineHasAllRanks) {
  const auto of = [](const char* sizes) { return on_one_node(find(environment(sizes))); };
  EXPECT_TRUE(of("OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=4"));
  EXPECT_FALSE(of("OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=2"));
  EXPECT_FALSE(of("OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=1"));
  EXPECT_FALSE(of("SLURM_STEP_NUM_TASKS=1 SLURM_PROCID=0"));
  EXPECT_FALSE(of(""));
}

TEST(MpiName, IsOneLine) {
  EXPECT_EQ(
      mpi_name("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, repo rev: v4.1.4, May 26, 2022"),
      "Open MPI 4.1.4");
  EXPECT_EQ(mpi_name("MPICH Version:      5.0.2\nMPICH Release date: Wed\nMPICH ABI:          17:2:5\n"),
            "MPICH 5.0.2");
  EXPECT_EQ(mpi_name("Intel(R) MPI Library 2021.19 for Linux* OS\n"), "Intel MPI 2021.19");
}

}  // namespace
}  // namespace neumf
