// Signals that ask a run to end: SIGTERM, SIGINT (Ctrl-C) and SIGUSR1 (what Slurm is told to send before the
// time limit).
#pragma once

#include <array>
#include <csignal>
#include <string>

namespace neumf {

// Catches the signals while it lives. A second SIGINT has its usual effect, at once. One object at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals& operator=(StopSignals&&) = delete;  // is neither moved nor copied

  // The signal that arrived, or 0.
  static int received();

  // What the first signal makes this process write to standard error, at once: what starts programs may end
  // them before they come to more. Of one thread, as long as no signal has arrived.
  static void announce(const std::string& text);

 private:
  static constexpr std::array<int, 3> signals_{SIGTERM, SIGINT, SIGUSR1};
  std::array<struct sigaction, signals_.size()> before_{};
};

}  // namespace neumf
