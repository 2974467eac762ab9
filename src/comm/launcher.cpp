#include "neumf/comm/launcher.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "neumf/core/error.hpp"
#include "neumf/core/version.hpp"

namespace neumf {
namespace {

// The number that a variable holds, or -1.
int number(const Environment& environment, const char* name) {
  const char* text = environment(name);
  if (text == nullptr || std::isdigit(static_cast<unsigned char>(*text)) == 0) return -1;
  return static_cast<int>(std::min(std::strtol(text, nullptr, 10), 1L << 30));
}

void set_default(const char* name, const char* value) {
  require(setenv(name, value, 0) == 0, "cannot set {}: {}", name, std::strerror(errno));
}

}  // namespace

std::string Launcher::name() const {
  switch (kind) {
    case LauncherKind::open_mpi:
      return "Open MPI's mpirun";
    case LauncherKind::mpich:
      return "MPICH's mpiexec";
    case LauncherKind::intel_mpi:
      return "Intel MPI's mpiexec";
    case LauncherKind::slurm:
      return "Slurm's srun";
  }
  return {};
}

bool Launcher::passes_standard_input() const {
  return kind == LauncherKind::slurm || (kind == LauncherKind::open_mpi && major_version < 5);
}

std::vector<Launcher> find_launchers(const Environment& environment) {
  std::vector<Launcher> found;
  if (const int ranks = number(environment, "OMPI_COMM_WORLD_SIZE"); ranks > 0) {
    const bool prte = environment("PRTE_LAUNCHED") != nullptr;
    found.push_back({LauncherKind::open_mpi, prte ? 5 : 4, ranks, number(environment, "OMPI_COMM_WORLD_RANK"),
                     number(environment, "OMPI_COMM_WORLD_LOCAL_SIZE")});
  }
  const bool slurm_step = environment("SLURM_STEP_NUM_TASKS") != nullptr;
  const bool hydra =
      environment("HYDI_CONTROL_FD") != nullptr || environment("HYDRA_BSTRAP_LAUNCHER") != nullptr;
  // srun with PMI-2 sets PMI_SIZE as well.
  if (const int ranks = number(environment, "PMI_SIZE"); ranks > 0 && (hydra || !slurm_step)) {
    const bool intel = environment("I_MPI_HYDRA_UUID") != nullptr;
    found.push_back({intel ? LauncherKind::intel_mpi : LauncherKind::mpich, 0, ranks,
                     number(environment, "PMI_RANK"), number(environment, "MPI_LOCALNRANKS")});
  }
  // Other launchers use srun to reach the machines, with a task on each: theirs are the ranks then.
  if (const int ranks = number(environment, "SLURM_STEP_NUM_TASKS"); ranks > 0 && found.empty())
    found.push_back({LauncherKind::slurm, 0, ranks, number(environment, "SLURM_PROCID"), 0});
  for (Launcher& launcher : found) launcher.node_ranks = std::max(launcher.node_ranks, 0);
  return found;
}

std::vector<Launcher> find_launchers() {
  return find_launchers([](const char* name) { return std::getenv(name); });
}

std::optional<std::string> wrong_launcher(const std::vector<Launcher>& launchers, int ranks,
                                          const std::string& mpi) {
  // A world of its own, although a launcher speaks of several ranks.
  const bool one =
      std::any_of(launchers.begin(), launchers.end(), [](const Launcher& l) { return l.ranks == 1; });
  if (launchers.empty() || ranks != 1 || one) return std::nullopt;
  const Launcher& launcher = launchers.front();
  const bool slurm = launcher.kind == LauncherKind::slurm;
  return fmt::format(
      "{} started {} processes, but this neumf runs on {}, which does not know of the others: each would be "
      "a run of "
      "its own. {}",
      launcher.name(), launcher.ranks, mpi,
      slurm ? "Use srun --mpi=pmix or pmi2, whichever this MPI supports (srun --mpi=list), or mpirun of this "
              "MPI"
            : fmt::format("Start it with the launcher of its MPI (" NEUMF_MPIEXEC
                          " where it was built), or build it for the other one: cmake -DMPI_HOME=DIRECTORY"));
}

void require_standard_input(const std::vector<Launcher>& launchers, const std::string& option) {
  for (const Launcher& launcher : launchers)
    require(
        launcher.passes_standard_input(),
        "{} -: {} does not pass all of standard input on, or not its end; name a file instead, or leave the "
        "launcher out",
        option, launcher.name());
}

bool loses_standard_output(const std::vector<Launcher>& launchers, const std::string& mpi) {
  int release = 0;
  return std::any_of(
             launchers.begin(), launchers.end(),
             [](const Launcher& l) { return l.kind == LauncherKind::open_mpi && l.major_version == 5; }) &&
         std::sscanf(mpi.c_str(), "Open MPI 5.0.%d", &release) == 1 && release < 11;
}

void require_output(const std::string& output) {
  struct stat standard = {}, named = {};
  const bool open = fstat(STDOUT_FILENO, &standard) == 0;
  const bool meant = output.empty() || output == "-" ||
                     (open && stat(output.c_str(), &named) == 0 && named.st_dev == standard.st_dev &&
                      named.st_ino == standard.st_ino);
  const bool file = open && S_ISREG(standard.st_mode);  // opened by the rank itself
  require(!meant || file || !loses_standard_output(find_launchers(), mpi_name()),
          "standard output: mpirun of {} loses parts of lines; name a file with --output, or leave the "
          "launcher out",
          mpi_name());
}

bool is_crowded(const std::vector<Launcher>& launchers, LauncherKind kind, long cores) {
  return std::any_of(launchers.begin(), launchers.end(), [&](const Launcher& launcher) {
    return launcher.kind == kind && launcher.node_ranks > cores;
  });
}

bool is_crowded(LauncherKind kind) {
  return is_crowded(find_launchers(), kind, sysconf(_SC_NPROCESSORS_ONLN));
}

bool on_one_node(const std::vector<Launcher>& launchers) {
  return launchers.size() == 1 && launchers.front().node_ranks == launchers.front().ranks;
}

bool is_launched(const Environment& environment) {
  return !find_launchers(environment).empty() || environment("PMIX_NAMESPACE") != nullptr ||
         environment("PMI_FD") != nullptr || environment("PMI_PORT") != nullptr;
}

bool is_launched() {
  return is_launched([](const char* name) { return std::getenv(name); });
}

void set_mpi_defaults() {
  set_default("OMPI_MCA_osc", "^ucx");
  if (!is_launched()) {
    set_default("OMPI_MCA_ess_singleton_isolated", "1");
    set_default("OMPI_MCA_pml", "ob1");
    set_default("OMPI_MCA_btl", "self");
  } else if (on_one_node(find_launchers())) {
    set_default("OMPI_MCA_btl", "^tcp");
  }
  if (is_crowded(LauncherKind::mpich)) set_default("MPIR_CVAR_POLLS_BEFORE_YIELD", "1");
  if (is_crowded(LauncherKind::intel_mpi)) set_default("I_MPI_THREAD_YIELD", "2");  // sched_yield
}

}  // namespace neumf
