#include "neumf/core/context.hpp"

#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "../instantiate.hpp"
#include "context_impl.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/types.hpp"
#include "neumf/ops/step_state.hpp"

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace neumf {
namespace {

void flush_subnormals() {
#ifdef __SSE2__
  _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
  _MM_SET_DENORMALS_ZERO_MODE(_MM_DENORMALS_ZERO_ON);
#endif
}

}  // namespace

Context<Cpu>::Context(int threads) : threads_(threads), impl_(std::make_unique<Impl>()) {
  require(threads >= 1, "cannot run on {} threads: --threads must be at least 1", threads);
  omp_set_dynamic(0);
  omp_set_num_threads(threads);
  // Adam's moments of rows without gradient decay towards zero; subnormal arithmetic would slow every step.
  // Some OpenMP libraries hand the calling thread's mode to the others with each loop, some leave them alone.
  flush_subnormals();
#pragma omp parallel num_threads(threads)
  flush_subnormals();
}

Context<Cpu>::~Context() = default;

std::string Context<Cpu>::description() const {
  return fmt::format("cpu, {} thread{} each", threads_, threads_ == 1 ? "" : "s");
}

template <class Device, class T>
void upload(Context<Device>& /*context*/, std::span<const T> host, T* device) {
  std::copy(host.begin(), host.end(), device);
}

template <class Device, class T>
void download(Context<Device>& /*context*/, const T* device, std::span<T> host) {
  std::copy(device, device + host.size(), host.begin());
}

NEUMF_FOR_EACH_COPIED(NEUMF_COPIES, Cpu)

}  // namespace neumf
