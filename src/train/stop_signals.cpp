#include "neumf/train/stop_signals.hpp"

#include <cerrno>
#include <cstring>

#include "neumf/core/error.hpp"

namespace neumf {
namespace {

// A handler can reach nothing else.
volatile std::sig_atomic_t received_signal = 0;

void on_signal(int signal) {
  if (signal == SIGINT && received_signal != 0) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
  received_signal = signal;
}

}  // namespace

StopSignals::StopSignals() {
  received_signal = 0;
  struct sigaction action {};
  action.sa_handler = on_signal;
  // System calls of MPI and HDF5 go on.
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < signals_.size(); ++i)
    require(sigaction(signals_[i], &action, &before_[i]) == 0, "cannot handle signal {}: {}", signals_[i],
            std::strerror(errno));
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < signals_.size(); ++i)
    static_cast<void>(sigaction(signals_[i], &before_[i], nullptr));
}

int StopSignals::received() {
  return received_signal;
}

}  // namespace neumf
