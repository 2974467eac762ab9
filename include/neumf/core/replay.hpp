// Running what is submitted again and again from step to step.
//
// On a GPU a sequence of operations runs once as it is, is recorded at its second use and replayed from then
// on, which spares the host the cost of launching every kernel. On a CPU it just runs.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "neumf/core/context.hpp"

#ifdef NEUMF_WITH_CUDA
#include "neumf/core/cuda_graph.hpp"
#endif

namespace neumf {

template <class Device>
class Replay;

template <>
class Replay<Cpu> {
 public:
  using Key = std::pair<std::uint64_t, std::uint64_t>;

  explicit Replay(bool /*enabled*/) {}
  template <class Work>
  void run(Context<Cpu>& /*context*/, const Key& /*key*/, const Work& work) {
    work();
  }
  void forget() {}
};

#ifdef NEUMF_WITH_CUDA
template <>
class Replay<Cuda> {
 public:
  using Key = std::pair<std::uint64_t, std::uint64_t>;

  // `enabled`: whether work only submits to the stream (see core/cuda_graph.hpp for the rules).
  explicit Replay(bool enabled) : enabled_(enabled) {}

  // Runs `work`, whose shapes and by-value arguments follow from `key` until the next forget().
  template <class Work>
  void run(Context<Cuda>& context, const Key& key, const Work& work) {
    if (!enabled_) {
      work();
      return;
    }
    Entry& entry = entries_[key];
    if (!entry.ran) {
      work();
      entry.ran = true;
      return;
    }
    if (!entry.current) {
      entry.graph.record(context, work);
      entry.current = true;
    }
    entry.graph.replay(context);
  }

  // By-value arguments change (a new epoch): recordings are updated at their next use.
  void forget() {
    for (auto& [key, entry] : entries_) entry.current = false;
  }

 private:
  struct Entry {
    bool ran = false;
    bool current = false;
    CudaGraph graph;
  };

  bool enabled_;
  std::map<Key, Entry> entries_;
};
#endif

}  // namespace neumf
