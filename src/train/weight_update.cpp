#include "neumf/train/weight_update.hpp"

#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/sgd.hpp"

namespace neumf {

template <class Device, class T>
WeightUpdate<Device, T>::WeightUpdate(Parameters<Device, T>& parameters, Optimizer optimizer,
                                      const UpdateReach& reach)
    : parameters_(parameters), optimizer_(optimizer) {
  if (std::is_same_v<Device, Cpu> && optimizer == Optimizer::adam) defer(reach);
  if (deferred_ == nullptr) immediate_ = {{0, parameters.layout().total}};
}

template <class Device, class T>
void WeightUpdate<Device, T>::defer(const UpdateReach& reach) {
  const auto& layout = parameters_.layout();
  // Where a quarter of the rows is read or more, one pass over all is faster (measured from 2 thousand to 165
  // thousand rows). So few reads also mean that no layer computes anything for a whole table
  // (PairLayer::begin).
  const auto few = [](std::uint64_t reads, std::int64_t rows) {
    return reads > 0 && 4 * reads < static_cast<std::uint64_t>(rows);
  };
  const bool users = reach.own_users && few(reach.groups, layout.user_mlp.rows);
  const bool items = reach.own_items && few(reach.groups * reach.group_size, layout.item_mlp.rows);
  if (!users && !items) return;

  const auto tables = [&](bool wanted, const Segment& gmf, const Segment& mlp) {
    std::vector<ops::AdamTable<T>> chosen;
    for (const Segment* s : {&gmf, &mlp})
      if (wanted && !s->empty())
        chosen.push_back({parameters_.weight(*s), parameters_.gradient(*s), parameters_.first_moment(*s),
                          parameters_.second_moment(*s), parameters_.copy(*s)});
    return chosen;
  };
  deferred_ = std::make_unique<ops::DeferredAdam<T>>(tables(users, layout.user_gmf, layout.user_mlp),
                                                     tables(items, layout.item_gmf, layout.item_mlp));
  std::int64_t first = 0;
  const auto leave_out = [&](std::int64_t begin, std::int64_t end) {
    if (first < begin) immediate_.push_back({first, begin});
    first = end;
  };
  if (items)
    for (const Segment* s : {&layout.item_gmf, &layout.item_mlp}) leave_out(s->offset, s->offset + s->size());
  if (users) leave_out(layout.shared, layout.total);
  leave_out(layout.total, layout.total);
}

template <class Device, class T>
void WeightUpdate<Device, T>::prepare(Context<Device>& context, const BatchView& block) {
  if constexpr (std::is_same_v<Device, Cpu>)
    if (deferred_)
      deferred_->prepare(context, {block.users, static_cast<std::size_t>(block.groups)},
                         {block.items, static_cast<std::size_t>(block.samples())});
}

template <class Device, class T>
void WeightUpdate<Device, T>::run(Context<Device>& context, const ops::AdamSpec& adam,
                                  const ops::StepState* state) {
  auto& p = parameters_;
  for (const Range& range : immediate_) {
    if (optimizer_ == Optimizer::sgd)
      ops::sgd_step(context, adam.learning_rate, adam.weight_decay, state, range.of(p.weights()),
                    range.of(p.gradients()), range.of(p.copies()));
    else
      ops::adam_step(context, adam, state, range.of(p.weights()), range.of(p.gradients()),
                     range.of(p.first_moments()), range.of(p.second_moments()), range.of(p.copies()));
  }
  if constexpr (std::is_same_v<Device, Cpu>)
    if (deferred_) deferred_->update(context, adam, state);
}

template <class Device, class T>
void WeightUpdate<Device, T>::complete(Context<Device>& context) {
  if constexpr (std::is_same_v<Device, Cpu>)
    if (deferred_) deferred_->complete(context);
}

template <class Device, class T>
std::size_t WeightUpdate<Device, T>::bytes() const {
  if constexpr (std::is_same_v<Device, Cpu>)
    if (deferred_) return deferred_->bytes();
  return 0;
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class WeightUpdate<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
