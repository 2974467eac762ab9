#include "neumf/serve/recommender.hpp"

#include <algorithm>
#include <atomic>

#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/head.hpp"
#include "neumf/ops/linear.hpp"
#include "neumf/ops/memory.hpp"
#include "neumf/ops/pair.hpp"

namespace neumf::serve {
namespace {

// Pairs that a worker scores at a time: as many as stay in a core's caches; on a GPU, enough to fill it.
template <class Device>
std::int64_t block_pairs(const Context<Device>& context) {
  return std::min<std::int64_t>(context.block_samples() / context.threads(), 1 << 20);
}

// Items of a block: it has a few users, and its item halves serve all users that a worker takes, in turn.
template <class Device>
std::int64_t items_per_block(const Context<Device>& context, std::int64_t items) {
  const std::int64_t most = std::clamp<std::int64_t>(block_pairs(context) / 4, 1, items);
  const std::int64_t blocks = (items + most - 1) / most;
  return (items + blocks - 1) / blocks;
}

}  // namespace

template <class Device, class T>
Recommender<Device, T>::Recommender(Context<Device>& context, CheckpointReader& checkpoint, int topk,
                                    std::int64_t window)
    : topk_(std::min<std::int64_t>(topk, checkpoint.shape().items)),
      model_(context, checkpoint, window),
      workers_(context),
      block_items_(items_per_block(context, model_.shape().items)),
      block_users_(std::clamp<std::int64_t>(block_pairs(context) / block_items_, 1, window)),
      item_half_(model_.shape().items, model_.shape().first_hidden()),
      user_half_(window, model_.shape().first_hidden()),
      weighted_items_(model_.shape().items, model_.shape().factors),
      best_scores_(window, topk_),
      best_items_(window, topk_),
      excluded_offsets_(window + 1) {
  const std::int64_t pairs = block_users_ * block_items_;
  for (int i = 0; i < workers_.count(); ++i)
    scratch_.push_back({HiddenLayers<Device, T>(model_.shape(), pairs, false), Tensor<float, Device>(pairs)});
  auto& parameters = model_.parameters();
  const auto& layout = parameters.layout();
  bias_ = checkpoint.read(layout.head_bias).at(0);
  if (model_.shape().has_mlp())
    ops::matmul_nt(context, parameters.compute(layout.item_mlp), parameters.compute(layout.pair_item),
                   ops::Write::overwrite, item_half_.matrix());
  if (!model_.shape().has_gmf()) return;
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
  if (model_.shape().has_mlp())
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
  // Workers take some users at a time, until there are none left.
  const std::int64_t some = workers_.count() == 1
                                ? count
                                : std::clamp<std::int64_t>(count / (8 * workers_.count()), block_users_, 64);
  std::atomic<std::int64_t> next = 0;
  workers_.run([&](int worker, Context<Device>& own) {
    for (std::int64_t first = next.fetch_add(some); first < count; first = next.fetch_add(some))
      rank_users(own, scratch_[static_cast<std::size_t>(worker)], first, std::min(some, count - first),
                 excluded != nullptr);
  });
  download(context, static_cast<const std::uint32_t*>(best.items.data),
           std::span<std::uint32_t>(ranking.items));
  download(context, static_cast<const float*>(best.scores.data), std::span<float>(ranking.scores));
  for (float& score : ranking.scores) score += bias_;  // the same for all, so it waits until the end
  return ranking;
}

template <class Device, class T>
void Recommender<Device, T>::rank_users(Context<Device>& context, Scratch& scratch, std::int64_t first,
                                        std::int64_t count, bool exclude) {
  const ops::TopK best{best_scores_.matrix(), best_items_.matrix()};
  const std::int64_t items = model_.shape().items;
  for (std::int64_t item = 0; item < items; item += block_items_) {
    const std::int64_t block = std::min(block_items_, items - item);
    const auto first_item = static_cast<std::uint32_t>(item);
    for (std::int64_t user = first; user < first + count; user += block_users_) {
      const std::int64_t group = std::min(block_users_, first + count - user);
      score_block(context, scratch, user, group, item, block);
      const Matrix<float> logits{scratch.logits.data(), group, block};
      if (exclude)
        ops::exclude_items(context, excluded_offsets_.data() + user, excluded_items_.data(), first_item,
                           logits);
      ops::top_k_merge(context, Matrix<const float>(logits), first_item, best.slice(user, group));
    }
  }
}

// Leaves logits [users, items] without the final layer's bias.
template <class Device, class T>
void Recommender<Device, T>::score_block(Context<Device>& context, Scratch& scratch, std::int64_t first_user,
                                         std::int64_t users, std::int64_t first_item, std::int64_t items) {
  auto& parameters = model_.parameters();
  const auto& layout = parameters.layout();
  const BatchView batch{.groups = users, .group_size = static_cast<std::int32_t>(items)};
  if (model_.shape().has_gmf())
    ops::matmul_nt(context, parameters.compute(layout.user_gmf).slice(first_user, users),
                   Matrix<const T>(weighted_items_.matrix()).slice(first_item, items), ops::Write::overwrite,
                   Matrix<float>{scratch.logits.data(), users, items});
  else
    ops::fill_zero(context, scratch.logits.span().first(static_cast<std::size_t>(users * items)));
  if (!model_.shape().has_mlp()) return;
  ops::pair_forward(context, batch, Matrix<const T>(user_half_.matrix()).slice(first_user, users),
                    Matrix<const T>(item_half_.matrix()).slice(first_item, items), nullptr,
                    parameters.weight(layout.pair_bias).data, Dropout{},
                    scratch.hidden.input(batch.samples()));
  scratch.hidden.forward(context, parameters, batch, Dropout{});
  ops::head_forward(context, scratch.hidden.output(batch.samples()), parameters.weight(layout.head_mlp).data,
                    scratch.logits.data());
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class Recommender<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::serve
