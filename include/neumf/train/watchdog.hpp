// Reports ranks that make no progress: a stalled GPU, file system or network otherwise shows as a job that is
// silent until its time limit.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "neumf/comm/communicator.hpp"
#include "neumf/comm/node_memory.hpp"
#include "neumf/train/heartbeat.hpp"

namespace neumf {

// A thread per rank watches the heartbeats of the machine's ranks, through shared memory, so it also sees a
// process that is stopped altogether. The first rank that still runs does the talking, on standard error, and
// again whenever the time has passed once more.
class Watchdog {
 public:
  // `timeout`: seconds without progress before a report; 0 switches the watchdog off. `abort`: end the whole
  // job after the report. Collective, as is the destructor.
  Watchdog(const Communicator& communicator, double timeout, bool abort);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  Heartbeat& heartbeat() { return slots_.own().heartbeat; }

 private:
  struct Slot {
    Heartbeat heartbeat;
    std::atomic<std::int32_t> world_rank = -1;
    std::atomic<std::int64_t> watched = 0;  // when this rank's thread last looked
  };

  void watch();
  bool speaks_for_node();
  void report();

  const Communicator& communicator_;
  double timeout_;
  bool abort_;
  NodeMemory<Slot> slots_;
  double next_report_;  // seconds without progress
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace neumf
