#include "neumf/train/watchdog.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "neumf/core/exit_status.hpp"

namespace neumf {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "this machine";
}

}  // namespace

Watchdog::Watchdog(const Communicator& communicator, double timeout, bool abort)
    : communicator_(communicator),
      timeout_(timeout),
      abort_(abort),
      slots_(communicator),
      next_report_(timeout) {
  slots_.own().world_rank = communicator.rank();
  if (timeout_ > 0) thread_ = std::thread([this] { watch(); });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Watchdog::watch() {
  const std::chrono::duration<double> interval(std::clamp(timeout_ / 4, 0.05, 1.0));
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, interval, [this] { return stopping_; })) {
    slots_.own().watched = Heartbeat::now();
    double longest = 0;
    for (int rank = 0; rank < slots_.size(); ++rank)
      longest = std::max(longest, slots_[rank].heartbeat.seconds_since_beat());
    if (longest < timeout_) {
      next_report_ = timeout_;
    } else if (longest >= next_report_ && speaks_for_node()) {
      next_report_ = longest + timeout_;
      report();
    }
  }
}

// Whether no rank before this one has a thread that still runs.
bool Watchdog::speaks_for_node() {
  for (int rank = 0; rank < communicator_.node_rank(); ++rank)
    if (static_cast<double>(Heartbeat::now() - slots_[rank].watched.load()) * 1e-9 <
        std::max(3.0, timeout_ / 2))
      return false;
  return true;
}

void Watchdog::report() {
  std::string text = fmt::format(
      "neumf: warning: no progress on {}; ranks in 'allreduce' wait for the others:\n", host_name());
  for (int rank = 0; rank < slots_.size(); ++rank) {
    const auto& slot = slots_[rank];
    text += fmt::format("neumf:   rank {}: in '{}' for {:.1f} s (epoch {}, update {})\n",
                        slot.world_rank.load(), slot.heartbeat.phase(), slot.heartbeat.seconds_since_beat(),
                        slot.heartbeat.epoch(), slot.heartbeat.update());
  }
  if (abort_) text += "neumf: error: ending the job, as --abort_on_stall asks\n";
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
  // Only the launcher can end ranks that hang; it does so when it sees one leave like this.
  if (abort_) std::_Exit(exit_status::failure);
}

}  // namespace neumf
