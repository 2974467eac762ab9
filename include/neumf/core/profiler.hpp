// Time by phase of training, on the device: where a step's time goes.
//
// Off, a measurement costs nothing on a CPU and marks an NVTX range on a GPU. On, a CPU reads its clock at
// the ends of every phase; a GPU records events, and the times are known after seconds().
#pragma once

#include <array>
#include <chrono>
#include <cstddef>

#include "neumf/core/context.hpp"

namespace neumf {

enum class Phase { sample, forward, backward, allreduce, optimizer, evaluation, checkpoint };
inline constexpr std::size_t phase_count = 7;
inline constexpr std::array<const char*, phase_count> phase_names{
    "sample", "forward", "backward", "allreduce", "optimizer", "evaluation", "checkpoint"};
using PhaseTimes = std::array<double, phase_count>;  // seconds, by phase

template <class Device>
class Profiler;

template <>
class Profiler<Cpu> {
 public:
  explicit Profiler(Context<Cpu>& /*context*/, bool enabled) : enabled_(enabled) {}
  bool enabled() const { return enabled_; }

  // Runs `work` as part of `phase`.
  template <class Work>
  void measure(Phase phase, const Work& work) {
    if (!enabled_) {
      work();
      return;
    }
    const auto start = std::chrono::steady_clock::now();
    work();
    times_[static_cast<std::size_t>(phase)] +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  // The sums so far.
  PhaseTimes seconds() { return times_; }

 private:
  bool enabled_;
  PhaseTimes times_{};
};

}  // namespace neumf

#ifdef NEUMF_WITH_CUDA
#include "neumf/core/cuda_profiler.hpp"
#endif
