#include "neumf/serve/latency.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <span>
#include <vector>

#include "neumf/core/stopwatch.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/nn/neumf_model.hpp"

namespace neumf::serve {
namespace {

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

LatencyResult summarised(std::int64_t batch_size, std::vector<double> latencies) {
  LatencyResult result{.batch_size = batch_size, .batches = static_cast<int>(latencies.size())};
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

}  // namespace

double percentile(std::span<const double> sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

template <class Device, class T>
LatencyResult measure_latency(Context<Device>& context, Parameters<Device, T>& parameters,
                              const ModelShape& shape, const LatencySettings& settings,
                              std::int64_t batch_size) {
  // On a CPU a large batch goes through in blocks that stay in the caches, as in training.
  const std::int64_t block = std::min<std::int64_t>(batch_size, context.block_samples());
  NeuMF<Device, T> model(parameters, shape, block, 1, false);
  model.pair_layer().force(settings.projection);
  model.begin_step(context, batch_size);

  const auto users = random_ids(context, batch_size, shape.users, 1);
  const auto items = random_ids(context, batch_size, shape.items, 2);
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
  const Stopwatch time;
  while (static_cast<int>(latencies.size()) < settings.batches &&
         (latencies.size() < 5 || time.seconds() < settings.seconds)) {
    const Stopwatch request;
    score();
    latencies.push_back(request.seconds());
  }
  return summarised(batch_size, std::move(latencies));
}

#define NEUMF_INSTANTIATE(DEVICE, T)                 \
  template LatencyResult measure_latency<DEVICE, T>( \
      Context<DEVICE>&, Parameters<DEVICE, T>&, const ModelShape&, const LatencySettings&, std::int64_t);
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::serve
