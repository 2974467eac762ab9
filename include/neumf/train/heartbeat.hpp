// What a rank is doing at this moment, readable by the other ranks of its machine.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "neumf/core/profiler.hpp"

namespace neumf {

class Heartbeat {
 public:
  Heartbeat() { beat(); }

  // The rank begins a phase. A few nanoseconds.
  void enter(Phase phase) {
    phase_.store(static_cast<std::int32_t>(phase), std::memory_order_relaxed);
    beat();
  }
  // The rank begins an update; updates that are replayed (core/replay.hpp) enter no phase. Both count from 1.
  void at(std::uint64_t epoch, std::uint64_t update) {
    epoch_.store(epoch, std::memory_order_relaxed);
    update_.store(update, std::memory_order_relaxed);
    beat();
  }

  // "forward", or "starting" before the first phase.
  const char* phase() const {
    const std::int32_t phase = phase_.load(std::memory_order_relaxed);
    return phase < 0 ? "starting" : phase_names[static_cast<std::size_t>(phase)];
  }
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_relaxed); }
  std::uint64_t update() const { return update_.load(std::memory_order_relaxed); }
  double seconds_since_beat() const {
    return static_cast<double>(now() - beat_.load(std::memory_order_relaxed)) * 1e-9;
  }

  // The same clock in all processes of a machine.
  static std::int64_t now() {
    return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  }

 private:
  void beat() { beat_.store(now(), std::memory_order_relaxed); }

  std::atomic<std::int64_t> beat_;
  std::atomic<std::int32_t> phase_ = -1;
  std::atomic<std::uint64_t> epoch_ = 0, update_ = 0;
};

}  // namespace neumf
