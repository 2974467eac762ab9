#include "run_parts.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include "neumf/checkpoint/weights.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/report/per_user.hpp"

namespace neumf {
namespace {

template <class Device, class T>
std::optional<ShardedItems<Device, T>> sharded(Context<Device>& context, const Communicator& communicator,
                                               Parameters<Device, T>& parameters, std::int64_t items) {
  if (!parameters.item_share()) return std::nullopt;
  return std::optional<ShardedItems<Device, T>>(std::in_place, context, communicator, parameters, items);
}

}  // namespace

template <class Device, class T>
RunParts<Device, T>::RunParts(Context<Device>& run_context, const Options& run_options,
                              const Communicator& ranks, const Inputs& run_inputs,
                              const std::optional<ItemShare>& share, Heartbeat& run_heartbeat)
    : context(run_context),
      options(run_options),
      communicator(ranks),
      inputs(run_inputs),
      heartbeat(run_heartbeat),
      reporter(options, communicator.is_root()),
      users(replicates_users(options) ? UserRange{0, inputs.dataset.users()} : inputs.shard.users),
      first_row(static_cast<std::int64_t>(inputs.shard.users.first - users.first)),
      parameters(context, inputs.shape, std::max<std::int64_t>(static_cast<std::int64_t>(users.size()), 1),
                 ParameterUse::training, share),
      sharded_items(sharded(context, communicator, parameters, inputs.shape.items)),
      evaluation(context, communicator, options, parameters, inputs.shape, inputs.shard, inputs.selection(),
                 first_row, shared_items(), heartbeat) {
  parameters.initialise(context, options.seed, users.first);
  if (options.loss == Loss::full_softmax || options.loss == Loss::ials) {
    const auto head = parameters.weight(parameters.layout().head_gmf);
    const std::vector<float> ones(static_cast<std::size_t>(head.size()), 1.0f);
    upload(context, std::span<const float>(ones), head.data);
  }
  if (!options.per_user.empty() && communicator.is_root()) user_ids = inputs.dataset.user_ids();
  if (inputs.checkpoint) load_weights(context, options.load_checkpoint_path, parameters, kept(inputs.rows));
}

template <class Device, class T>
void RunParts<Device, T>::write_per_user(const EpochEvaluation<Device, T>& test) const {
  if (options.per_user.empty()) return;
  PerUserRanks own{.users = {}, .sampled = &test.sampled_ranks(), .full = test.full_ranks()};
  for (const std::uint32_t user : test.users()) own.users.push_back(inputs.dense_user(user));
  neumf::write_per_user(options.per_user, communicator, own, every_k(options), user_ids);
}

#define NEUMF_INSTANTIATE(DEVICE, T) template struct RunParts<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
