#include "neumf/train/stop_signals.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "neumf/core/error.hpp"

namespace neumf {
namespace {

// A handler can reach nothing else.
volatile std::sig_atomic_t received_signal = 0;

struct Announcement {
  std::array<char, 1024> text{};
  std::size_t size = 0;
};
// In turns, so that what a handler is writing is not changed under its hands.
std::array<Announcement, 4> announcements;
std::atomic<const Announcement*> announcement = nullptr;
static_assert(std::atomic<const Announcement*>::is_always_lock_free);

void on_signal(int signal) {
  const Announcement* const now = announcement.exchange(nullptr);
  if (now != nullptr) {
    const int error = errno;
    if (write(STDERR_FILENO, now->text.data(), now->size) < 0) {
      // Nobody reads it.
    }
    errno = error;
  }
  if (signal == SIGINT && received_signal != 0) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
  received_signal = signal;
}

}  // namespace

StopSignals::StopSignals() {
  received_signal = 0;
  announcement = nullptr;
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

void StopSignals::announce(const std::string& text) {
  if (received_signal != 0) return;
  static std::size_t turn = 0;
  Announcement& next = announcements[turn++ % announcements.size()];
  next.size = std::min(text.size(), next.text.size());
  std::copy_n(text.data(), next.size, next.text.data());
  announcement = &next;
}

}  // namespace neumf
