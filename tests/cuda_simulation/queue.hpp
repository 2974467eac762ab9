// The streams of a simulated GPU and what waits in them.
//
// Nothing runs when it is submitted. Work runs when the host waits for it, or at moments drawn from
// NEUMF_SIM_SEED; of everything that streams and events allow to run, the seed picks the next. Where ranks
// wait for each other (NCCL), a thread of the device makes progress beside the host as well.
#pragma once

#include <cuda_runtime_api.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "clock.hpp"
#include "fault.hpp"

namespace neumf::simulation {

class Capture;

// One execution of a piece of work.
struct Run {
  Moment moment;
  std::uint32_t launch = 0;  // number, for access.cpp
  std::int64_t ticket = -1;  // of work that takes several attempts
};

// A kernel, a copy or a call of a library. Arguments are held by value.
struct Work {
  std::string name;
  std::function<bool(Run&)> run;      // false: not yet, ask again (a collective whose peers are missing)
  std::vector<const void*> pointers;  // device memory among its arguments
  // Pinned memory, and whether the work writes it.
  const void* pinned = nullptr;
  bool writes_pinned = false;
};
using WorkPtr = std::shared_ptr<const Work>;

struct Node {
  WorkPtr work;
  std::vector<std::size_t> after;  // nodes that come before
  std::uint32_t chain = 0;         // nodes of a chain follow each other
};
using Nodes = std::shared_ptr<const std::vector<Node>>;

// What cudaEventRecord leaves.
struct EventRecord {
  bool done = false;
  double time = 0;  // milliseconds of the simulated device
  VectorClock before;
};

}  // namespace neumf::simulation

struct CUevent_st {
  std::shared_ptr<neumf::simulation::EventRecord> record;  // the last one
  neumf::simulation::Capture* capture = nullptr;           // if that was in a capture
  std::set<std::size_t> captured_after;
  bool timed = true;
};

struct CUstream_st {
  struct Item {
    neumf::simulation::Nodes nodes;  // one for plain work
    std::vector<neumf::simulation::Run> runs;
    std::vector<char> done;
    std::size_t left = 0;
    bool begun = false;
    std::shared_ptr<neumf::simulation::EventRecord> record, wait;
  };
  std::vector<Item> items;
  neumf::simulation::VectorClock clock;           // of everything submitted so far
  std::vector<std::uint32_t> strands, ticks;      // by chain
  neumf::simulation::Capture* capture = nullptr;  // that it takes part in
  std::set<std::size_t> captured_after;           // the nodes that the next one follows
  std::uint64_t number = 0;
};

namespace neumf::simulation {

class Queue {
 public:
  Queue();

  cudaStream_t make_stream();
  void destroy_stream(cudaStream_t stream);
  bool owns(cudaStream_t stream) const { return streams_.count(stream) != 0; }

  // Adds work to the stream, or to the capture that the stream takes part in.
  cudaError_t submit(cudaStream_t stream, Work work);
  cudaError_t submit_graph(cudaStream_t stream, const Nodes& nodes);
  void record(cudaStream_t stream, CUevent_st& event);
  void wait(cudaStream_t stream, const std::shared_ptr<EventRecord>& record);

  // The host waits.
  cudaError_t finish(cudaStream_t stream);
  cudaError_t finish(const std::shared_ptr<EventRecord>& record);
  cudaError_t finish_all();
  // Whether the stream has nothing left to do, or the event has happened; lets something run first.
  cudaError_t query(cudaStream_t stream);
  cudaError_t query(const std::shared_ptr<EventRecord>& record);

  // Lets ranks make progress while the host is busy elsewhere.
  void progress_beside_host();
  // Held by every call of the program and by the progress thread.
  std::recursive_mutex& mutex() { return mutex_; }
  // An error that ends all work: what later calls return.
  cudaError_t lost() const { return lost_; }
  // For tests: forgets faults and everything that waits.
  void reset(unsigned seed);
  bool chance(double probability) { return std::uniform_real_distribution<>()(random_) < probability; }
  const std::string& running() const { return running_; }
  // The name of whatever ran at that place of a strand.
  std::string name_at(std::uint32_t strand, std::uint32_t tick) const;

 private:
  struct Choice {
    CUstream_st* stream;
    std::size_t node;
  };
  std::vector<Choice> choices();
  // Runs one piece of work. False if nothing could.
  bool advance();
  bool advance_one(const Choice& choice);
  void let_some_run();
  template <class Done>
  cudaError_t run_until(const Done& done);
  template <class Done>
  cudaError_t ask(const Done& done, const VectorClock& clock);
  std::uint32_t strand(CUstream_st& stream, std::uint32_t chain);
  void progress();

  std::recursive_mutex mutex_;
  std::set<CUstream_st*> streams_;
  std::mt19937 random_;
  double eagerness_ = 0;
  double time_ = 0;
  VectorClock host_;
  std::uint32_t strands_ = 0;
  std::uint64_t streams_made_ = 0;
  cudaError_t lost_ = cudaSuccess;
  std::string running_;
  std::map<std::uint64_t, std::string> names_;
  std::chrono::steady_clock::time_point last_call_;
  bool progressing_ = false;
  long left_to_live_;  // pieces of work until the device fails, below 0: for ever

 public:
  void host_joins(const VectorClock& clock);
  void called() { last_call_ = std::chrono::steady_clock::now(); }
};

Queue& queue();
// "kernel adam_kernel", or nothing if the device is idle.
std::string running_work();
// Pinned memory that the host may not touch yet: why the address may not be touched, or nothing.
std::string pinned_fault(const void* address);

}  // namespace neumf::simulation
