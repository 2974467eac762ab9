// inference_bench: throughput and latency of scoring random (user, item) pairs, by batch size.
//
// The weights do not change between batches, so by default the item half of the first layer is computed once,
// before the clock starts, as a server would do at start-up; --projection per_sample computes it for each
// pair. Ids lie on the device, as in the reference's benchmark, and a batch's latency ends when its logits
// are there.
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "neumf/core/error.hpp"
#include "neumf/core/types.hpp"
#include "neumf/nn/neumf_model.hpp"

namespace po = boost::program_options;

namespace {

using namespace neumf;
using Clock = std::chrono::steady_clock;

struct Settings {
  ModelShape shape{.users = 138493, .items = 26744};
  std::vector<std::int64_t> batch_sizes{1, 1024, 4096, 16384, 65536, 262144, 1048576};
  std::vector<std::string> precisions;
  std::string device = "auto", projection = "per_item", log_path;
  int num_batches = 200, threads = omp_get_max_threads();
  double seconds = 10;
};

struct Result {
  std::string device, precision;
  std::int64_t batch_size = 0;
  int batches = 0;
  double throughput = 0, mean = 0, p90 = 0, p95 = 0, p99 = 0;  // pairs/s, seconds
};

// The smallest value that is at least as large as the given share of all.
double percentile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

template <class Device>
Tensor<std::uint32_t, Device> random_ids(Context<Device>& context, std::int64_t count, std::int64_t below,
                                         std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::uniform_int_distribution<std::uint32_t> draw(0, static_cast<std::uint32_t>(below - 1));
  std::vector<std::uint32_t> host(static_cast<std::size_t>(count));
  std::generate(host.begin(), host.end(), [&] { return draw(generator); });
  Tensor<std::uint32_t, Device> ids(count);
  upload(context, std::span<const std::uint32_t>(host), ids.data());
  return ids;
}

template <class Device, class T>
Result measure(Context<Device>& context, Parameters<Device, T>& parameters, const Settings& settings,
               std::int64_t batch_size) {
  // On a CPU a large batch goes through in blocks that stay in the caches, as in training.
  const std::int64_t block = std::min<std::int64_t>(batch_size, context.block_samples());
  NeuMF<Device, T> model(parameters, settings.shape, block, 1, false);
  if (settings.projection == "per_item") model.pair_layer().force(ItemProjection::per_item);
  if (settings.projection == "per_sample") model.pair_layer().force(ItemProjection::per_sample);
  model.begin_step(context, batch_size);

  const auto users = random_ids(context, batch_size, settings.shape.users, 1);
  const auto items = random_ids(context, batch_size, settings.shape.items, 2);
  Tensor<float, Device> logits(batch_size);
  const auto score = [&] {
    for (std::int64_t first = 0; first < batch_size; first += block) {
      const BatchView batch{.groups = std::min(block, batch_size - first),
                            .users = users.data() + first,
                            .items = items.data() + first};
      model.score(context, batch, logits.data() + first);
    }
    context.synchronize();
  };
  for (int i = 0; i < 3; ++i) score();

  std::vector<double> latencies;
  const auto begin = Clock::now();
  const auto elapsed = [](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  while (static_cast<int>(latencies.size()) < settings.num_batches &&
         (latencies.size() < 5 || elapsed(begin) < settings.seconds)) {
    const auto start = Clock::now();
    score();
    latencies.push_back(elapsed(start));
  }
  Result result{Device::name, TypeName<T>::value, batch_size, static_cast<int>(latencies.size())};
  // As in the reference: the mean of the batches' throughputs.
  const auto count = static_cast<double>(latencies.size());
  for (const double latency : latencies) {
    result.throughput += static_cast<double>(batch_size) / latency / count;
    result.mean += latency / count;
  }
  std::sort(latencies.begin(), latencies.end());
  result.p90 = percentile(latencies, 0.90);
  result.p95 = percentile(latencies, 0.95);
  result.p99 = percentile(latencies, 0.99);
  return result;
}

void print(const Result& r) {
  fmt::print("{:<6}  {:<5}  {:>9}  {:>7}  {:>12.4g}  {:>10.4f}  {:>10.4f}  {:>10.4f}  {:>10.4f}\n", r.device,
             r.precision, r.batch_size, r.batches, r.throughput, 1e3 * r.mean, 1e3 * r.p90, 1e3 * r.p95,
             1e3 * r.p99);
  std::fflush(stdout);
}

nlohmann::json to_json(const Result& r) {
  const auto key = [&](const char* name) { return fmt::format("batch_{}_{}", r.batch_size, name); };
  return {{"device", r.device},
          {"precision", r.precision},
          {"batch_size", r.batch_size},
          {"batches", r.batches},
          {key("mean_throughput"), r.throughput},
          {key("mean_latency"), r.mean},
          {key("p90_latency"), r.p90},
          {key("p95_latency"), r.p95},
          {key("p99_latency"), r.p99}};
}

template <class Device, class T>
void run_type(Context<Device>& context, const Settings& settings, std::vector<Result>& results) {
  Parameters<Device, T> parameters(context, settings.shape, settings.shape.users);
  parameters.initialise(context, 1, 0);
  for (const std::int64_t batch_size : settings.batch_sizes) {
    results.push_back(measure<Device, T>(context, parameters, settings, batch_size));
    print(results.back());
  }
}

template <class Device>
void run_device(Context<Device>& context, const Settings& settings, std::vector<Result>& results) {
  for (const auto& precision : settings.precisions) {
    if (precision == "fp32")
      run_type<Device, float>(context, settings, results);
    else if (precision == "fp16")
      run_type<Device, float16>(context, settings, results);
    else if (precision == "bf16")
      run_type<Device, bfloat16>(context, settings, results);
    else
      fail("--precision {}: must be fp32, fp16 or bf16", precision);
  }
}

bool gpu_present() {
#ifdef NEUMF_WITH_CUDA
  return Context<Cuda>::device_count() > 0;
#else
  return false;
#endif
}

// False if only the help was asked for.
bool parse(int argc, char** argv, Settings& s) {
  po::options_description options("inference_bench: scoring random pairs, by batch size");
  // clang-format off
  options.add_options()
    ("help,h", "print this text")
    ("n_users", po::value(&s.shape.users)->default_value(s.shape.users), "users of the model")
    ("n_items", po::value(&s.shape.items)->default_value(s.shape.items), "items of the model")
    ("factors,f", po::value(&s.shape.factors)->default_value(s.shape.factors), "width of the GMF embeddings")
    ("layers", po::value(&s.shape.layers)->multitoken(), "sizes of the MLP; default 256 256 128 64")
    ("batch_sizes", po::value(&s.batch_sizes)->multitoken(), "default 1 1024 4096 ... 1048576")
    ("num_batches", po::value(&s.num_batches)->default_value(s.num_batches), "measured batches of each size")
    ("seconds", po::value(&s.seconds)->default_value(s.seconds), "at most this long for each size, but 5 batches")
    ("device", po::value(&s.device)->default_value(s.device), "auto, cpu or cuda")
    ("precision", po::value(&s.precisions)->multitoken(), "any of fp32 fp16 bf16; default: fp32 and bf16 on a "
                                                          "CPU, all three on a GPU")
    ("threads", po::value(&s.threads)->default_value(s.threads), "CPU threads")
    ("projection", po::value(&s.projection)->default_value(s.projection),
     "per_item: the items' half of the first layer is computed at start-up; per_sample: for each pair")
    ("log_path", po::value(&s.log_path), "file for a JSON array of the results");
  // clang-format on
  po::variables_map values;
  po::store(po::parse_command_line(argc, argv, options), values);
  po::notify(values);
  if (values.count("help") > 0) {
    std::cout << options;
    return false;
  }
  s.shape.validate();
  for (const auto size : s.batch_sizes) require(size >= 1, "--batch_sizes {}: must be at least 1", size);
  require(s.projection == "per_item" || s.projection == "per_sample",
          "--projection {}: must be per_item or per_sample", s.projection);
  require(s.device == "auto" || s.device == "cpu" || s.device == "cuda",
          "--device {}: must be auto, cpu or cuda", s.device);
  if (s.device == "auto") s.device = gpu_present() ? "cuda" : "cpu";
  if (s.precisions.empty())
    s.precisions = s.device == "cuda" ? std::vector<std::string>{"fp32", "fp16", "bf16"}
                                      : std::vector<std::string>{"fp32", "bf16"};
  return true;
}

void run(const Settings& settings) {
  std::vector<Result> results;
  fmt::print("{:<6}  {:<5}  {:>9}  {:>7}  {:>12}  {:>10}  {:>10}  {:>10}  {:>10}\n", "device", "type",
             "batch", "batches", "pairs/s", "mean ms", "p90 ms", "p95 ms", "p99 ms");
  if (settings.device == "cpu") {
    Context<Cpu> context(settings.threads);
    run_device(context, settings, results);
  } else {
#ifdef NEUMF_WITH_CUDA
    Context<Cuda> context(0);
    run_device(context, settings, results);
#else
    fail("--device cuda: this build has no GPU support; use --device cpu");
#endif
  }
  if (settings.log_path.empty()) return;
  auto array = nlohmann::json::array();
  for (const auto& result : results) array.push_back(to_json(result));
  std::ofstream file(settings.log_path);
  file << array.dump(1) << "\n";
  file.close();
  require(file.good(), "--log_path {}: cannot write this file", settings.log_path);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Settings settings;
    if (parse(argc, argv, settings)) run(settings);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "inference_bench: error: {}\n", error.what());
    return 1;
  }
}
