// How far the host may run ahead of the device.
//
// A GPU takes work faster than it does it. Without a bound a whole epoch would be submitted within moments,
// and progress, timed saves, stop signals and the watchdog would follow what is submitted, not what is done.
#pragma once

#include "neumf/core/context.hpp"

#ifdef NEUMF_WITH_CUDA
#include <array>
#include <cstddef>
#include <memory>
#endif

namespace neumf {

template <class Device>
class Pace;

template <>
class Pace<Cpu> {
 public:
  // Work on a CPU is done when its call returns.
  void step(Context<Cpu>& /*context*/) {}
};

#ifdef NEUMF_WITH_CUDA
template <>
class Pace<Cuda> {
 public:
  Pace();
  ~Pace();
  Pace(const Pace&) = delete;
  Pace& operator=(const Pace&) = delete;

  // Before a step is submitted: waits until all but the last two have finished, as Context::synchronize
  // waits.
  void step(Context<Cuda>& context);

 private:
  struct Mark;  // an event
  static constexpr std::size_t ahead = 2;
  std::array<std::unique_ptr<Mark>, ahead> marks_;
  std::size_t steps_ = 0;
};
#endif

}  // namespace neumf
