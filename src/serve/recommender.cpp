#include "neumf/serve/recommender.hpp"

#include <algorithm>

#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/head.hpp"
#include "neumf/ops/linear.hpp"
#include "neumf/ops/memory.hpp"
#include "neumf/ops/pair.hpp"

namespace neumf::serve {
namespace {

// Pairs scored at a time: as many as stay in a processor's caches; on a GPU, enough to fill it.
template <class Device>
std::int64_t block_pairs(Context<Device>& context) {
  return std::min<std::int64_t>(context.block_samples(), 1 << 20);
}

}  // namespace

template <class Device, class T>
std::int64_t Recommender<Device, T>::block_items(Context<Device>& context, const ModelShape& shape) {
  // A block is a few users by many items; its item halves are used for all users of the window in turn.
  const std::int64_t most = std::min(shape.items, std::max<std::int64_t>(block_pairs(context) / 4, 1));
  const std::int64_t blocks = (shape.items + most - 1) / most;
  return (shape.items + blocks - 1) / blocks;
}

template <class Device, class T>
Recommender<Device, T>::Recommender(Context<Device>& context, CheckpointReader& checkpoint, int topk,
                                    std::int64_t window)
    : topk_(std::min<std::int64_t>(topk, checkpoint.shape().items)),
      model_(context, checkpoint, window),
      block_items_(block_items(context, model_.shape())),
      block_users_(std::clamp<std::int64_t>(block_pairs(context) / block_items_, 1, window)),
      item_half_(model_.shape().items, model_.shape().first_hidden()),
      user_half_(window, model_.shape().first_hidden()),
      weighted_items_(model_.shape().items, model_.shape().factors),
      hidden_(model_.shape(), block_users_ * block_items_, false),
      logits_(block_users_ * block_items_),
      best_scores_(window, topk_),
      best_items_(window, topk_),
      excluded_offsets_(window + 1) {
  auto& parameters = model_.parameters();
  const auto& layout = parameters.layout();
  bias_ = checkpoint.read(layout.head_bias).at(0);
  ops::matmul_nt(context, parameters.compute(layout.item_mlp), parameters.compute(layout.pair_item),
                 ops::Write::overwrite, item_half_.matrix());
  auto weighted = checkpoint.read(layout.item_gmf);
  const auto weights = checkpoint.read(layout.head_gmf);
  for (std::size_t i = 0; i < weighted.size(); ++i) weighted[i] *= weights[i % weights.size()];
  Tensor<float, Device> wide(weighted_items_.rows(), weighted_items_.cols());
  upload(context, std::span<const float>(weighted), wide.data());
  ops::convert(context, std::span<const float>(wide.span()), weighted_items_.span());
  context.synchronize();  // `wide` ends here
}

template <class Device, class T>
Ranking Recommender<Device, T>::recommend(Context<Device>& context, std::span<const std::uint32_t> users,
                                          const ItemLists* excluded) {
  const auto count = static_cast<std::int64_t>(users.size());
  Ranking ranking{std::vector<std::uint32_t>(users.size() * static_cast<std::size_t>(topk_)),
                  std::vector<float>(users.size() * static_cast<std::size_t>(topk_))};
  if (users.empty()) return ranking;
  model_.load_users(context, users);
  auto& parameters = model_.parameters();
  const auto& layout = parameters.layout();
  ops::matmul_nt(context, parameters.compute(layout.user_mlp).slice(0, count),
                 parameters.compute(layout.pair_user), ops::Write::overwrite,
                 user_half_.matrix().slice(0, count));
  const ops::TopK best{best_scores_.matrix().slice(0, count), best_items_.matrix().slice(0, count)};
  ops::top_k_clear(context, best);
  if (excluded != nullptr) {
    const auto listed = static_cast<std::int64_t>(excluded->items.size());
    if (excluded_items_.size() < listed) excluded_items_ = Tensor<std::uint32_t, Device>(listed);
    upload(context, std::span<const std::uint64_t>(excluded->offsets), excluded_offsets_.data());
    upload(context, std::span<const std::uint32_t>(excluded->items), excluded_items_.data());
  }
  const std::int64_t items = model_.shape().items;
  for (std::int64_t item = 0; item < items; item += block_items_) {
    const std::int64_t block = std::min(block_items_, items - item);
    for (std::int64_t user = 0; user < count; user += block_users_) {
      const std::int64_t group = std::min(block_users_, count - user);
      score_block(context, user, group, item, block);
      const Matrix<float> logits{logits_.data(), group, block};
      const auto first = static_cast<std::uint32_t>(item);
      if (excluded != nullptr)
        ops::exclude_items(context, excluded_offsets_.data() + user, excluded_items_.data(), first, logits);
      ops::top_k_merge(context, Matrix<const float>(logits), first, best.slice(user, group));
    }
  }
  download(context, static_cast<const std::uint32_t*>(best.items.data),
           std::span<std::uint32_t>(ranking.items));
  download(context, static_cast<const float*>(best.scores.data), std::span<float>(ranking.scores));
  for (float& score : ranking.scores) score += bias_;  // the same for all, so it waits until the end
  return ranking;
}

// Leaves logits [users, items] without the final layer's bias.
template <class Device, class T>
void Recommender<Device, T>::score_block(Context<Device>& context, std::int64_t first_user,
                                         std::int64_t users, std::int64_t first_item, std::int64_t items) {
  auto& parameters = model_.parameters();
  const auto& layout = parameters.layout();
  const BatchView batch{.groups = users, .group_size = static_cast<std::int32_t>(items)};
  ops::matmul_nt(context, parameters.compute(layout.user_gmf).slice(first_user, users),
                 Matrix<const T>(weighted_items_.matrix()).slice(first_item, items), ops::Write::overwrite,
                 Matrix<float>{logits_.data(), users, items});
  ops::pair_forward(context, batch, Matrix<const T>(user_half_.matrix()).slice(first_user, users),
                    Matrix<const T>(item_half_.matrix()).slice(first_item, items), nullptr,
                    parameters.weight(layout.pair_bias).data, Dropout{}, hidden_.input(batch.samples()));
  hidden_.forward(context, parameters, batch, Dropout{});
  ops::head_forward(context, hidden_.output(batch.samples()), parameters.weight(layout.head_mlp).data,
                    logits_.data());
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class Recommender<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::serve
