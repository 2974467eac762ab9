// Time by phase on a GPU. Part of core/profiler.hpp in builds with CUDA.
#pragma once

#include <memory>

#include "neumf/core/context.hpp"

namespace neumf {

// Phases are NVTX ranges whether enabled or not. Enabled, events are recorded around them, and nothing waits
// before seconds() or until thousands of phases are pending. While a graph is recorded nothing is measured.
template <>
class Profiler<Cuda> {
 public:
  Profiler(Context<Cuda>& context, bool enabled);
  ~Profiler();
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;
  bool enabled() const { return enabled_; }

  template <class Work>
  void measure(Phase phase, const Work& work) {
    const Range range(*this, phase);
    work();
  }
  PhaseTimes seconds();

 private:
  // Ends the phase also where the work throws.
  class Range {
   public:
    Range(Profiler& profiler, Phase phase) : profiler_(profiler) { profiler_.begin(phase); }
    ~Range() { profiler_.end(); }
    Range(const Range&) = delete;
    Range& operator=(const Range&) = delete;

   private:
    Profiler& profiler_;
  };

  void begin(Phase phase);
  void end() noexcept;
  void collect();

  struct Impl;
  Context<Cuda>& context_;
  bool enabled_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace neumf
