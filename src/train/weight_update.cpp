#include "neumf/train/weight_update.hpp"

#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/sgd.hpp"

namespace neumf {

template <class Device, class T>
WeightUpdate<Device, T>::WeightUpdate(Parameters<Device, T>& parameters, Optimizer optimizer,
                                      const UpdateReach& reach)
    : parameters_(parameters), optimizer_(optimizer) {
  const auto& layout = parameters.layout();
  const auto defers = [&](bool own, std::uint64_t reads, const Segment& table) {
    return optimizer == Optimizer::adam && own && ops::deferring_pays<Device>(reads, table.rows);
  };
  // So few reads also mean that no layer computes anything for a whole table (PairLayer::begin).
  const bool users = defers(reach.own_users, reach.groups, layout.user_mlp);
  const bool items = defers(reach.own_items, reach.groups * reach.group_size, layout.item_mlp);
  const auto tables = [&](bool wanted, const Segment& gmf, const Segment& mlp) {
    std::vector<ops::AdamTable<T>> chosen;
    for (const Segment* s : {&gmf, &mlp})
      if (wanted && !s->empty())
        chosen.push_back({parameters.weight(*s), parameters.gradient(*s), parameters.first_moment(*s),
                          parameters.second_moment(*s), parameters.copy(*s)});
    return chosen;
  };
  deferred_ = ops::make_deferred_adam<Device, T>(tables(users, layout.user_gmf, layout.user_mlp),
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
