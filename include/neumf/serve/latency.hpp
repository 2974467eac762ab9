// Throughput and latency of scoring random (user, item) pairs, as in the reference's inference benchmark.
//
// The weights do not change between batches, so by default the item half of the first layer is computed once,
// before the clock starts, as a server would do at start-up. Ids lie on the device, and a batch's latency
// ends when its logits are there.
#pragma once

#include <cstdint>
#include <span>

#include "neumf/core/context.hpp"
#include "neumf/nn/pair_layer.hpp"
#include "neumf/nn/parameters.hpp"

namespace neumf::serve {

struct LatencySettings {
  int batches = 200;    // measured, after three that are not
  double seconds = 10;  // at most this long, but five batches
  ItemProjection projection = ItemProjection::per_item;
};

struct LatencyResult {
  std::int64_t batch_size = 0;
  int batches = 0;
  double throughput = 0;                       // pairs per second: the mean of the batches'
  double mean = 0, p90 = 0, p95 = 0, p99 = 0;  // seconds
};

// `parameters` holds all users of `shape`.
template <class Device, class T>
LatencyResult measure_latency(Context<Device>& context, Parameters<Device, T>& parameters,
                              const ModelShape& shape, const LatencySettings& settings,
                              std::int64_t batch_size);

// The smallest of the sorted values that is at least as large as the given share of all.
double percentile(std::span<const double> sorted, double share);

}  // namespace neumf::serve
