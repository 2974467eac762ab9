// Registering and timing operations, and what is reported about them.
#pragma once

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <chrono>
#include <string>

#include "ceilings.hpp"
#include "device.hpp"
#include "neumf/core/types.hpp"
#include "neumf/nn/instantiate.hpp"
#include "shapes.hpp"

namespace neumf::bench {

// What one call of an operation does, by its definition: bytes are those of src/ops/reference, as if nothing
// stayed in a cache, so on a CPU, where blocks do, the share of the copy bandwidth may exceed one.
struct Work {
  double samples = 0;
  double bytes = 0;
  double flops = 0;
  double product_seconds = 0;  // of the same matrix products alone
};

// Times `call` and reports samples/s, bytes/s, and the shares of the device's ceilings.
template <class Device, class Call>
void measure(benchmark::State& state, Context<Device>& context, const Work& work, const Call& call) {
  const double bandwidth = copy_bandwidth(context);
  call();
  context.synchronize();
  constexpr auto calls = DeviceTraits<Device>::calls_in_flight;
  const auto start = std::chrono::steady_clock::now();
  while (state.KeepRunningBatch(calls)) {
    for (std::int64_t i = 0; i < calls; ++i) call();
    context.synchronize();
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto count = static_cast<double>(state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(work.samples * count));
  state.SetBytesProcessed(static_cast<std::int64_t>(work.bytes * count));
  state.counters["share_of_copy"] = work.bytes * count / seconds / bandwidth;
  if (work.product_seconds > 0) state.counters["share_of_gemm"] = work.product_seconds * count / seconds;
  if (work.flops > 0) state.counters["FLOPS"] = {work.flops * count, benchmark::Counter::kIsRate};
}

// Registers `body(state, context)` as OPERATION/DEVICE/TYPE/DATA.
template <class Device, class Body>
void add(const std::string& operation, const char* type, const DataShape& data, Body body) {
  const std::string name = fmt::format("{}/{}/{}/{}", operation, Device::name, type, data.name);
  benchmark::RegisterBenchmark(name.c_str(),
                               [body](benchmark::State& state) {
                                 try {
                                   body(state, DeviceTraits<Device>::context());
                                 } catch (const std::exception& error) {
                                   state.SkipWithError(error.what());
                                 }
                               })
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
}

template <class Device, class T>
struct Case {
  const DataShape& data;
};

// Calls visit(Case<Device, T>) for every data set, device of this machine and type.
template <class Visitor>
void for_each_case(const Visitor& visit) {
  for (const auto& data : data_shapes) {
#define NEUMF_BENCH_CASE(DEVICE, T) \
  if (DeviceTraits<DEVICE>::available()) visit(Case<DEVICE, T>{data});
    NEUMF_FOR_EACH_MODEL(NEUMF_BENCH_CASE)
#undef NEUMF_BENCH_CASE
  }
}

// The same for operations that know no type.
template <class Visitor>
void for_each_device(const Visitor& visit) {
  for (const auto& data : data_shapes) {
    visit(Case<Cpu, float>{data});
#ifdef NEUMF_WITH_CUDA
    if (DeviceTraits<Cuda>::available()) visit(Case<Cuda, float>{data});
#endif
  }
}

}  // namespace neumf::bench
