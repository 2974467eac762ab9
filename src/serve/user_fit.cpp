#include "neumf/serve/user_fit.hpp"

#include <algorithm>

#include "neumf/core/error.hpp"
#include "neumf/ops/memory.hpp"

namespace neumf::serve {
namespace {

// Products over fewer rows may be computed by other means, and so have other bits: users are taken by whole
// multiples of this.
constexpr std::int64_t users_together = 16;

template <class Device>
std::int64_t block_users(const Context<Device>& context, std::int64_t samples, std::int64_t window) {
  const auto most = context.block_samples() / samples / users_together * users_together;
  return std::clamp<std::int64_t>(most, users_together, window);
}

template <class Device>
void set_state(Context<Device>& context, Tensor<ops::StepState, Device>& on_device,
               const ops::StepState& state) {
  upload(context, std::span<const ops::StepState>(&state, 1), on_device.data());
}

}  // namespace

template <class Device>
UserFit<Device>::UserFit(Context<Device>& context, CheckpointReader& checkpoint, std::int32_t samples,
                         const FitLoss& loss)
    : samples_(samples),
      group_(loss.loss == Loss::bce ? samples : loss.group),
      groups_(samples / group_),
      parameters_(context, checkpoint.shape(), window),
      model_(parameters_, checkpoint.shape(), block_users(context, samples, window) * groups_, group_, true),
      batch_(window * groups_, group_),
      loss_(1) {
  require(groups_ * group_ == samples, "{} samples are no whole groups of {}", samples, group_);
  model_.set_objective({.loss = loss.loss});
  const auto& layout = parameters_.layout();
  for (const Segment* segment : layout.shared_segments()) {
    const auto values = checkpoint.read(*segment);
    upload(context, std::span<const float>(values), parameters_.weight(*segment).data);
  }
  for (const Segment* segment : layout.user_segments())
    tables_.push_back({segment, {}, Tensor<ops::StepState, Device>(1)});
  // A row for each user of the window, and numbers of samples that dropout would draw by.
  std::vector<std::uint32_t> users(static_cast<std::size_t>(window * groups_));
  for (std::size_t group = 0; group < users.size(); ++group)
    users[group] = static_cast<std::uint32_t>(group / static_cast<std::size_t>(groups_));
  upload(context, std::span<const std::uint32_t>(users), batch_.users.data());
  const std::vector<std::uint64_t> ids(users.size(), 0);
  upload(context, std::span<const std::uint64_t>(ids), batch_.ids.data());
  // Other weights than users' never change, so what is computed from items alone is computed here.
  if (!model_.in_one_piece()) model_.pair_layer().force(ItemProjection::per_item);
  model_.begin_step(context, window * samples);
  context.synchronize();
}

template <class Device>
void UserFit<Device>::begin(Context<Device>& context, std::span<const float> gmf,
                            std::span<const float> mlp) {
  const auto& layout = parameters_.layout();
  for (Table& table : tables_) {
    const auto weight = parameters_.weight(*table.segment);
    const auto& values = table.segment == &layout.user_gmf ? gmf : mlp;
    require(static_cast<std::int64_t>(values.size()) == weight.size(), "{} values for {} rows of {}",
            values.size(), weight.rows, weight.cols);
    upload(context, values, weight.data);
    const auto size = static_cast<std::size_t>(weight.size());
    for (const auto& moment :
         {parameters_.first_moment(*table.segment), parameters_.second_moment(*table.segment),
          parameters_.gradient(*table.segment)})
      ops::fill_zero(context, std::span(moment.data, size));
    table.state = {};
  }
}

template <class Device>
double UserFit<Device>::add_gradients(Context<Device>& context, std::int64_t users, const FitSamples& step) {
  require(users <= window && step.items.size() == static_cast<std::size_t>(users * samples_) &&
              step.labels.size() == step.items.size(),
          "{} samples of {} users, not {} each", step.items.size(), users, samples_);
  upload(context, std::span<const std::uint32_t>(step.items), batch_.items.data());
  upload(context, std::span<const std::uint8_t>(step.labels), batch_.labels.data());
  // Users that fill up the last few have item 0.
  const std::int64_t used = users * samples_;
  const std::int64_t all = (users + users_together - 1) / users_together * users_together;
  const std::vector<std::uint32_t> no_items(static_cast<std::size_t>(all * samples_ - used), 0);
  const std::vector<std::uint8_t> no_labels(no_items.size(), 0);
  upload(context, std::span<const std::uint32_t>(no_items), batch_.items.data() + used);
  upload(context, std::span<const std::uint8_t>(no_labels), batch_.labels.data() + used);

  ops::StepState state;
  state.loss_factor = 1.0f / static_cast<float>(samples_);
  set_state(context, loss_, state);
  const std::int64_t groups = all * groups_;
  for (std::int64_t first = 0; first < groups; first += model_.max_groups()) {
    const BatchView block =
        batch_.view(groups, group_).part(first, std::min(model_.max_groups(), groups - first));
    if (model_.in_one_piece()) {
      model_.run_in_one_piece(context, block, Dropout{}, loss_.data());
    } else {
      model_.forward(context, block, Dropout{}, loss_.data());
      model_.backward(context, block, Dropout{});
    }
  }
  download(context, static_cast<const ops::StepState*>(loss_.data()), std::span(&state, 1));
  return state.loss;
}

template <class Device>
void UserFit<Device>::move(Context<Device>& context, const PerTable& learning_rate) {
  for (Table& table : tables_) {
    const Segment& s = *table.segment;
    const ops::AdamSpec adam{.beta1 = 0.9f, .beta2 = 0.99f};
    table.state.learning_rate = &s == &parameters_.layout().user_gmf ? learning_rate.gmf : learning_rate.mlp;
    ops::decide_update(adam, ops::LossScaling{}, 0, table.state);
    set_state(context, table.on_device, table.state);
    const auto span = [&](const Matrix<float>& m) {
      return std::span(m.data, static_cast<std::size_t>(m.size()));
    };
    ops::adam_step(context, adam, static_cast<const ops::StepState*>(table.on_device.data()),
                   span(parameters_.weight(s)), span(parameters_.gradient(s)),
                   span(parameters_.first_moment(s)), span(parameters_.second_moment(s)), std::span<float>());
  }
}

template <class Device>
void UserFit<Device>::rows(Context<Device>& context, std::span<float> gmf, std::span<float> mlp) {
  for (const Table& table : tables_)
    download(context, static_cast<const float*>(parameters_.weight(*table.segment).data),
             table.segment == &parameters_.layout().user_gmf ? gmf : mlp);
}

template <class Device>
void UserFit<Device>::gradients(Context<Device>& context, std::span<float> gmf, std::span<float> mlp) {
  for (const Table& table : tables_)
    download(context, static_cast<const float*>(parameters_.gradient(*table.segment).data),
             table.segment == &parameters_.layout().user_gmf ? gmf : mlp);
}

template class UserFit<Cpu>;
#ifdef NEUMF_WITH_CUDA
template class UserFit<Cuda>;
#endif

}  // namespace neumf::serve
