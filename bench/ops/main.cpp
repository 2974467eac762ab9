// ops_bench: every operation on the shapes of MovieLens, on each device and type of this build.
//
//   ops_bench --benchmark_filter=linear.*fp32    --benchmark_out=ops.json --benchmark_out_format=json
//
// OMP_NUM_THREADS sets the CPU's threads. Names are OPERATION/DEVICE/TYPE/DATA.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>

#include "device.hpp"
#include "neumf/core/processor.hpp"
#include "neumf/core/version.hpp"
#include "registry.hpp"

namespace {

std::string cuda_state() {
#ifdef NEUMF_WITH_CUDA
  using Traits = neumf::bench::DeviceTraits<neumf::Cuda>;
  return Traits::available() ? Traits::context().device_name() : "skipped: no GPU";
#else
  return "skipped: built without CUDA";
#endif
}

}  // namespace

int main(int argc, char** argv) {
  using namespace neumf::bench;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("neumf", neumf::version());
  benchmark::AddCustomContext("kernels", neumf::kernels_name());
  benchmark::AddCustomContext("cpu_threads", std::to_string(omp_get_max_threads()));
  benchmark::AddCustomContext("cuda", cuda_state());
  register_products();
  register_sampling();
  register_embedding();
  register_gmf();
  register_pair();
  register_linear();
  register_head();
  register_adam();
  register_ranking();
  register_small_model();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
