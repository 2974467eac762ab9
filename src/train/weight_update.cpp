#include "neumf/train/weight_update.hpp"

#include <algorithm>
#include <utility>

#include "neumf/core/error.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/memory.hpp"
#include "neumf/ops/sgd.hpp"

namespace neumf {

namespace {

std::vector<const Segment*> frozen_segments(const ParameterLayout& layout, const Freeze& freeze) {
  std::vector<const Segment*> segments;
  const auto add = [&](const Segment& gmf, const Segment& mlp) {
    segments.push_back(&gmf);
    segments.push_back(&mlp);
  };
  if (freeze.users) add(layout.user_gmf, layout.user_mlp);
  if (freeze.items) add(layout.item_gmf, layout.item_mlp);
  if (freeze.mlp)
    for (const Segment* segment : layout.shared_segments())
      if (segment != &layout.item_gmf && segment != &layout.item_mlp) segments.push_back(segment);
  std::erase_if(segments, [](const Segment* segment) { return segment->empty(); });
  return segments;
}

}  // namespace

template <class Device, class T>
WeightUpdate<Device, T>::WeightUpdate(Parameters<Device, T>& parameters, Optimizer optimizer,
                                      const UpdateReach& reach, const Freeze& freeze,
                                      ShardedItems<Device, T>* shared_items)
    : parameters_(parameters), optimizer_(optimizer) {
  const auto& layout = parameters.layout();
  auto elsewhere = frozen_segments(layout, freeze);
  for (const Segment* segment : elsewhere)
    frozen_.push_back({segment->offset, segment->offset + segment->size()});

  const auto defers = [&](std::uint64_t reads, const Segment& table) {
    return optimizer == Optimizer::adam && ops::deferring_pays<Device>(reads, table.rows);
  };
  const auto tables = [&](bool wanted, const Segment& gmf, const Segment& mlp) {
    std::vector<ops::AdamTable<T>> chosen;
    for (const Segment* s : {&gmf, &mlp})
      if (wanted && !s->empty()) {
        chosen.push_back({parameters.weight(*s), parameters.gradient(*s), parameters.first_moment(*s),
                          parameters.second_moment(*s), parameters.copy(*s)});
        elsewhere.push_back(s);
      }
    return chosen;
  };
  // So few reads also mean that no layer computes anything for a whole table (PairLayer::begin).
  auto users =
      tables(!freeze.users && defers(reach.users, layout.user_mlp), layout.user_gmf, layout.user_mlp);
  auto items = tables(shared_items == nullptr && !freeze.items && defers(reach.items, layout.item_mlp),
                      layout.item_gmf, layout.item_mlp);
  if (shared_items != nullptr && !freeze.items) {
    // Every row moves in every update, but its owner knows only of those that are asked for.
    require(optimizer == Optimizer::adam,
            "--item_embeddings sharded is for --optimizer adam: use --item_embeddings replicated");
    items = shared_items->tables();
  }
  deferred_ = ops::make_deferred_adam<Device, T>(std::move(users), std::move(items));

  // What is neither frozen nor deferred.
  std::sort(elsewhere.begin(), elsewhere.end(),
            [](const Segment* a, const Segment* b) { return a->offset < b->offset; });
  std::int64_t first = 0;
  for (const Segment* segment : elsewhere) {
    // Less than a cache line is padding.
    if (first + 16 <= segment->offset) immediate_.push_back({first, segment->offset});
    first = segment->offset + segment->size();
  }
  if (first < layout.moved) immediate_.push_back({first, layout.moved});
}

template <class Device, class T>
void WeightUpdate<Device, T>::prepare(Context<Device>& context, const BatchView& block) {
  std::span<const std::uint32_t> items;
  if (!parameters_.item_share()) items = {block.items, static_cast<std::size_t>(block.samples())};
  deferred_->prepare(context, {block.users, static_cast<std::size_t>(block.groups)}, items);
}

template <class Device, class T>
void WeightUpdate<Device, T>::prepare_items(Context<Device>& context, std::span<const std::uint32_t> items) {
  deferred_->prepare(context, {}, items);
}

template <class Device, class T>
void WeightUpdate<Device, T>::run(Context<Device>& context, const ops::AdamSpec& adam,
                                  const ops::StepState* state) {
  auto& p = parameters_;
  for (const Range& range : frozen_) ops::fill_zero(context, range.of(p.gradients()));
  for (const Range& range : immediate_) {
    if (optimizer_ == Optimizer::sgd)
      ops::sgd_step(context, adam.weight_decay, state, range.of(p.weights()), range.of(p.gradients()),
                    range.of(p.copies()));
    else
      ops::adam_step(context, adam, state, range.of(p.weights()), range.of(p.gradients()),
                     range.of(p.first_moments()), range.of(p.second_moments()), range.of(p.copies()));
  }
  deferred_->update(context, adam, state);
}

template <class Device, class T>
void WeightUpdate<Device, T>::complete(Context<Device>& context) {
  deferred_->complete(context);
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class WeightUpdate<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
