#include "neumf/core/profiler.hpp"

#include <nvtx3/nvToolsExt.h>

#include <utility>
#include <vector>

#include "neumf/core/cuda/handles.hpp"

namespace neumf {

struct Profiler<Cuda>::Impl {
  struct Measurement {
    Phase phase;
    cuda::Event begin, end;
  };
  std::vector<Measurement> pending;
  std::vector<cuda::Event> spare;
  bool open = false;  // the last pending measurement has begun and not ended
  PhaseTimes times{};

  cuda::Event event() {
    if (spare.empty()) return cuda::make_event(cudaEventDefault);
    cuda::Event event = std::move(spare.back());
    spare.pop_back();
    return event;
  }
};

Profiler<Cuda>::Profiler(Context<Cuda>& context, bool enabled)
    : context_(context), enabled_(enabled), impl_(std::make_unique<Impl>()) {}
Profiler<Cuda>::~Profiler() = default;

void Profiler<Cuda>::begin(Phase phase) {
  nvtxRangePushA(phase_names[static_cast<std::size_t>(phase)]);
  // Events that are recorded into a graph tell no times.
  if (!enabled_ || context_.capturing()) return;
  constexpr std::size_t many = 4096;
  if (impl_->pending.size() >= many) collect();
  cuda::Event begin = impl_->event(), end = impl_->event();
  NEUMF_CUDA(cudaEventRecord(begin.get(), context_.stream()));
  impl_->pending.push_back({phase, std::move(begin), std::move(end)});
  impl_->open = true;
}

void Profiler<Cuda>::end() noexcept {
  if (impl_->open) {
    // An error shows again, with a name, at the next call that checks.
    static_cast<void>(cudaEventRecord(impl_->pending.back().end.get(), context_.stream()));
    impl_->open = false;
  }
  nvtxRangePop();
}

void Profiler<Cuda>::collect() {
  context_.synchronize();
  for (auto& measurement : impl_->pending) {
    float milliseconds = 0;
    NEUMF_CUDA(cudaEventElapsedTime(&milliseconds, measurement.begin.get(), measurement.end.get()));
    impl_->times[static_cast<std::size_t>(measurement.phase)] += static_cast<double>(milliseconds) * 1e-3;
    impl_->spare.push_back(std::move(measurement.begin));
    impl_->spare.push_back(std::move(measurement.end));
  }
  impl_->pending.clear();
}

PhaseTimes Profiler<Cuda>::seconds() {
  collect();
  return impl_->times;
}

}  // namespace neumf
