// The epoch's shuffle, and drawing blocks of samples in both samplings, with and without exact negatives.
#include "measure.hpp"
#include "neumf/ops/sample.hpp"
#include "neumf/sampling/sampler.hpp"
#include "ops/reference/sample.hpp"
#include "registry.hpp"

namespace neumf::bench {
namespace {

// A training set of the given size: equally active users, items spread over the catalogue.
template <class Device>
class TrainingSet {
 public:
  TrainingSet(Context<Device>& context, const DataShape& data) {
    std::vector<std::uint32_t> users, items;
    std::vector<std::uint64_t> offsets;
    users.reserve(static_cast<std::size_t>(data.positives));
    items.reserve(static_cast<std::size_t>(data.positives));
    for (std::int64_t u = 0; u <= data.users; ++u)
      offsets.push_back(static_cast<std::uint64_t>(data.positives * u / data.users));
    for (std::uint32_t u = 0; u < data.users; ++u) {
      const std::uint64_t count = offsets[u + 1] - offsets[u];
      for (std::uint64_t i = 0; i < count; ++i) {
        users.push_back(u);
        items.push_back(static_cast<std::uint32_t>(i * static_cast<std::uint64_t>(data.items) / count));
      }
    }
    users_ = to_device(context, users);
    items_ = to_device(context, items);
    offsets_ = to_device(context, offsets);
  }

  TrainingSetView view() const {
    return {users_.data(), items_.data(), offsets_.data(), static_cast<std::uint64_t>(items_.size()), 0};
  }

 private:
  Tensor<std::uint32_t, Device> users_, items_;
  Tensor<std::uint64_t, Device> offsets_;
};

// KuaiRec's small matrix: 1,411 users have 99 % of 3,327 items in training.
constexpr DataShape dense{"dense", 1411, 3327, 4647453, 65536};

template <class Device>
void add_sampling(const DataShape& data, Sampling sampling, bool exact) {
  const auto name = fmt::format("sample_{}{}", sampling == Sampling::grouped ? "grouped" : "shuffled",
                                exact ? "_exact" : "");
  add<Device>(name, "ids", data, [&data, sampling, exact](auto& state, auto& context) {
    const TrainingSet<Device> set(context, data);
    const SamplerSpec spec{.sampling = sampling,
                           .item_count = static_cast<std::uint32_t>(data.items),
                           .exact_negatives = exact,
                           .seed = 1};
    const auto size = static_cast<std::int32_t>(spec.group_size());
    const std::int64_t groups = block_groups(context, data, size);
    BatchBuffer<Device> out(groups, size);
    const ops::StepState host;
    Tensor<ops::StepState, Device> step(1);
    upload(context, std::span<const ops::StepState>(&host, 1), step.data());
    const auto n = static_cast<double>(groups);
    measure(state, context, {.samples = n * size, .bytes = reference::sample_traffic(n, n * size).total()},
            [&] { ops::sample_batch(context, set.view(), spec, step.data(), 0, groups, out); });
  });
}

// On one thread of the host: the function that sample_batch calls for each group.
void add_shuffle(const DataShape& data) {
  add<Cpu>("shuffle_one_thread", "ids", data, [&data](auto& state, auto& /*context*/) {
    const Permutation shuffle(static_cast<std::uint64_t>(data.positives), 1, 0);
    std::uint64_t position = 0;
    for (auto _ : state) {
      benchmark::DoNotOptimize(shuffle(position));
      position = position + 1 == shuffle.size() ? 0 : position + 1;
    }
    state.SetItemsProcessed(state.iterations());
  });
}

}  // namespace

void register_sampling() {
  for (const auto& data : data_shapes) add_shuffle(data);
  for_each_device([]<class Device>(Case<Device, float> c) {
    add_sampling<Device>(c.data, Sampling::grouped, false);
    add_sampling<Device>(c.data, Sampling::grouped, true);
    add_sampling<Device>(c.data, Sampling::shuffled, false);
    if (&c.data != &data_shapes.front()) return;  // once on each device
    for (const Sampling sampling : {Sampling::grouped, Sampling::shuffled})
      for (const bool exact : {false, true}) add_sampling<Device>(dense, sampling, exact);
  });
}

}  // namespace neumf::bench
