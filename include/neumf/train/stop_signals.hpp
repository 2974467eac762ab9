// Signals that ask a run to end: SIGTERM, SIGINT (Ctrl-C) and SIGUSR1 (what Slurm is told to send before the
// time limit).
#pragma once

#include <array>
#include <csignal>

namespace neumf {

// Catches the signals while it lives. A second SIGINT has its usual effect, at once. One object at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals& operator=(StopSignals&&) = delete;  // is neither moved nor copied

  // The signal that arrived, or 0.
  static int received();

 private:
  static constexpr std::array<int, 3> signals_{SIGTERM, SIGINT, SIGUSR1};
  std::array<struct sigaction, signals_.size()> before_{};
};

}  // namespace neumf
