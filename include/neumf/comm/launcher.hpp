// What started this process: mpirun of one MPI or another, srun, or nobody. Launchers say in the environment
// how many ranks they start; a program that was built for another MPI does not see them, and each process
// would be a run of its own.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace neumf {

enum class LauncherKind { open_mpi, mpich, intel_mpi, slurm };

struct Launcher {
  LauncherKind kind = LauncherKind::open_mpi;
  int major_version = 0;  // of Open MPI: 5 or newer, or 4 for all before; otherwise 0
  int ranks = 0;          // that it starts
  int rank = 0;           // of them, this process
  int node_ranks = 0;     // on this machine; 0 where it does not say

  // For people: "Open MPI's mpirun".
  std::string name() const;
  // Whether all that is typed or piped into it, and its end, reaches rank 0.
  bool passes_standard_input() const;
};

// As std::getenv.
using Environment = std::function<const char*(const char*)>;

// Those whose variables are set. A launcher that was started by a rank of another one leaves both.
std::vector<Launcher> find_launchers(const Environment& environment);
std::vector<Launcher> find_launchers();

// Why `ranks`, the size of the world, cannot be what the launchers meant: they belong to another MPI than
// `mpi`, which is mpi_name() of core/version.hpp.
std::optional<std::string> wrong_launcher(const std::vector<Launcher>& launchers, int ranks,
                                          const std::string& mpi);

// Throws Error naming `option` where a launcher is known to lose standard input.
void require_standard_input(const std::vector<Launcher>& launchers, const std::string& option);

// Whether a launcher is known to lose parts of lines of standard output: that of Open MPI 5.0.7, now and then
// and without a word, at the end of a block that a rank writes; not that of 5.0.11. `mpi` is mpi_name().
bool loses_standard_output(const std::vector<Launcher>& launchers, const std::string& mpi);
// Throws Error naming --output where results would go that way: `output` is empty or "-", or a name of
// standard output such as /dev/stdout.
void require_output(const std::string& output);

// Whether such a launcher has started more ranks here than there are cores: they must yield while they wait.
bool is_crowded(const std::vector<Launcher>& launchers, LauncherKind kind, long cores);
bool is_crowded(LauncherKind kind);

// Whether the launcher has started all its ranks on this machine, for all that it says.
bool on_one_node(const std::vector<Launcher>& launchers);

// Whether anything started this process as a rank, be it a launcher that find_launchers() does not know.
bool is_launched(const Environment& environment);
bool is_launched();

// Settings of the MPI libraries that are not the user's concern, before MPI_Init; what the user has set
// stays. Shared memory windows are the only ones here: Open MPI need not try, and report, others. A process
// that nobody launched sends to itself alone: without a daemon beside it and without looking for networks,
// Open MPI 4.1.4 starts in a third of the time. Ranks of one machine need no network either, about which
// Open MPI 5.0.7 writes lines where it finds none that it likes. MPICH and Intel MPI yield where they are
// crowded.
void set_mpi_defaults();

}  // namespace neumf
