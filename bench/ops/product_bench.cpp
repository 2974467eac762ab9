// The GEMM bound of the whole model: the matrix products that a sample would need if it went through every
// layer by itself (640 kFLOP for the default model), and nothing else. samples/s of training and evaluation
// are compared with it.
#include "measure.hpp"
#include "registry.hpp"

namespace neumf::bench {
namespace {

template <class Device, class T>
double forward_seconds(Context<Device>& context, const ModelShape& shape, std::int64_t n) {
  double seconds = 0;
  for (std::size_t i = 1; i < shape.layers.size(); ++i)
    seconds += product_seconds<Device, T>(context, Product::nt, n, shape.layers[i], shape.layers[i - 1]);
  return seconds;
}

template <class Device, class T>
double backward_seconds(Context<Device>& context, const ModelShape& shape, std::int64_t n) {
  double seconds = 0;
  for (std::size_t i = 1; i < shape.layers.size(); ++i) {
    const std::int64_t in = shape.layers[i - 1], out = shape.layers[i];
    seconds += product_seconds<Device, T>(context, Product::nn, n, in, out);
    seconds += product_seconds<Device, T, float>(context, Product::tn, out, in, n);
  }
  return seconds;
}

// The products were timed one by one, so nothing is left to run: their sum is reported.
void report(benchmark::State& state, double samples, double flops, double seconds) {
  for (auto _ : state) state.SetIterationTime(seconds);
  state.counters["items_per_second"] = samples / seconds;
  state.counters["FLOPS"] = samples * flops / seconds;
}

template <class Device, class T>
void add_bounds(Case<Device, T> c) {
  const auto bound = [c](const char* name, bool training) {
    const std::string full = fmt::format("{}/{}/{}/{}", name, Device::name, TypeName<T>::value, c.data.name);
    benchmark::RegisterBenchmark(
        full.c_str(),
        [c, training](benchmark::State& state) {
          auto& context = DeviceTraits<Device>::context();
          const ModelShape shape = c.data.model();
          const std::int64_t n = block_groups(context, c.data, group_size) * group_size;
          double seconds = forward_seconds<Device, T>(context, shape, n);
          if (training) seconds += backward_seconds<Device, T>(context, shape, n);
          report(state, static_cast<double>(n), shape.flops_per_sample() / (training ? 1 : 3), seconds);
        })
        ->UseManualTime()
        ->Iterations(1)
        ->Unit(benchmark::kMicrosecond);
  };
  bound("gemm_bound_training", true);
  bound("gemm_bound_forward", false);
}

template <class Device>
void add_copy(const DataShape& data) {
  add<Device>("copy", "bytes", data, [](auto& state, auto& context) {
    auto from = zeros<Device, float>(context, std::int64_t{1} << 26);
    auto to = zeros<Device, float>(context, std::int64_t{1} << 26);
    measure(state, context, {.samples = 0, .bytes = 2.0 * static_cast<double>(from.bytes())},
            [&] { DeviceTraits<Device>::copy(context, from.data(), to.data(), from.bytes()); });
  });
}

}  // namespace

void register_products() {
  for_each_device([]<class Device>(Case<Device, float> c) {
    if (&c.data == &data_shapes.front()) add_copy<Device>(c.data);
  });
  for_each_case([](auto c) { add_bounds(c); });
}

}  // namespace neumf::bench
