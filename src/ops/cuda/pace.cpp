#include "neumf/core/pace.hpp"

#include "context_impl.hpp"
#include "neumf/core/cuda/handles.hpp"

namespace neumf {

struct Pace<Cuda>::Mark {
  cuda::Event event = cuda::make_event();
};

Pace<Cuda>::Pace() {
  for (auto& mark : marks_) mark = std::make_unique<Mark>();
}
Pace<Cuda>::~Pace() = default;

void Pace<Cuda>::step(Context<Cuda>& context) {
  cudaEvent_t event = marks_[steps_++ % ahead]->event.get();
  // The end of the step before the last, where there was one: an event that was never recorded is over.
  cuda::wait_for(context, [event] { return cudaEventQuery(event); });
  NEUMF_CUDA(cudaEventRecord(event, context.stream()));
}

}  // namespace neumf
