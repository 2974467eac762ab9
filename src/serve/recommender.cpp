#include "neumf/serve/recommender.hpp"

#include <algorithm>
#include <atomic>
#include <tuple>
#include <utility>

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

// The lists' items by their place in `catalogue`; those that are not in it are gone.
ItemLists in_catalogue(const ItemLists& lists, const std::vector<std::uint32_t>& catalogue) {
  ItemLists own;
  for (std::size_t user = 0; user + 1 < lists.offsets.size(); ++user) {
    for (const std::uint32_t item : lists.of(user)) {
      const auto place = std::lower_bound(catalogue.begin(), catalogue.end(), item);
      if (place != catalogue.end() && *place == item)
        own.items.push_back(static_cast<std::uint32_t>(place - catalogue.begin()));
    }
    own.offsets.push_back(own.items.size());
  }
  return own;
}

}  // namespace

template <class Device, class T>
Recommender<Device, T>::Recommender(Context<Device>& context, CheckpointReader& checkpoint, int topk,
                                    std::int64_t window, std::vector<std::uint32_t> items, UserRows* rows)
    : topk_(std::min<std::int64_t>(topk, checkpoint.shape().items)),
      catalogue_(std::move(items)),
      model_(context, checkpoint, window, catalogue_, rows),
      workers_(context),
      block_items_(items_per_block(context, model_.shape().items)),
      block_users_(std::clamp<std::int64_t>(block_pairs(context) / block_items_, 1, window)),
      pairs_(model_.parameters(), model_.shape(),
             std::min<std::int64_t>(context.block_samples(), window * topk_), 1, false),
      item_half_(model_.shape().items, model_.shape().first_hidden()),
      user_half_(window, model_.shape().first_hidden()),
      weighted_items_(model_.shape().items, model_.shape().factors),
      pair_users_(pairs_.max_groups()),
      pair_items_(pairs_.max_groups()),
      pair_logits_(pairs_.max_groups()),
      best_scores_(window, topk_),
      best_items_(window, topk_),
      excluded_offsets_(window + 1) {
  const std::int64_t pairs = block_users_ * block_items_;
  for (int i = 0; i < workers_.count(); ++i)
    scratch_.push_back({HiddenLayers<Device, T>(model_.shape(), pairs, false), Tensor<float, Device>(pairs)});
  auto& parameters = model_.parameters();
  const auto& layout = parameters.layout();
  pairs_.pair_layer().force(ItemProjection::per_item);
  pairs_.begin_step(context, pairs_.max_groups());
  if (model_.shape().has_mlp())
    ops::matmul_nt(context, parameters.compute(layout.item_mlp), parameters.compute(layout.pair_item),
                   ops::Write::overwrite, item_half_.matrix());
  if (!model_.shape().has_gmf()) return;
  std::vector<float> weighted(static_cast<std::size_t>(layout.item_gmf.size()));
  download(context, static_cast<const float*>(parameters.weight(layout.item_gmf).data),
           std::span<float>(weighted));
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
  ItemLists left;  // in rows of the catalogue that is left
  if (excluded != nullptr && !catalogue_.empty()) {
    left = in_catalogue(*excluded, catalogue_);
    excluded = &left;
  }
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
  score_again(context, ranking, users.size());
  if (!catalogue_.empty())
    for (std::uint32_t& item : ranking.items)
      if (item != ops::no_item) item = catalogue_[item];
  return ranking;
}

template <class Device, class T>
void Recommender<Device, T>::score_again(Context<Device>& context, Ranking& ranking, std::size_t users) {
  const auto topk = static_cast<std::size_t>(topk_);
  std::vector<std::uint32_t> rows, items;
  for (std::size_t user = 0; user < users; ++user)
    for (std::size_t at = user * topk; at < (user + 1) * topk && ranking.items[at] != ops::no_item; ++at) {
      rows.push_back(static_cast<std::uint32_t>(user));
      items.push_back(ranking.items[at]);
    }
  std::vector<float> scores(rows.size());
  const auto most = static_cast<std::size_t>(pairs_.max_groups());
  for (std::size_t first = 0; first < rows.size(); first += most) {
    const std::size_t count = std::min(most, rows.size() - first);
    upload(context, std::span<const std::uint32_t>(rows).subspan(first, count), pair_users_.data());
    upload(context, std::span<const std::uint32_t>(items).subspan(first, count), pair_items_.data());
    const BatchView batch{
        .groups = static_cast<std::int64_t>(count), .users = pair_users_.data(), .items = pair_items_.data()};
    pairs_.score(context, batch, pair_logits_.data());
    download(context, static_cast<const float*>(pair_logits_.data()),
             std::span<float>(scores).subspan(first, count));
  }
  std::vector<std::pair<float, std::uint32_t>> list;
  std::size_t pair = 0;
  for (std::size_t user = 0; user < users; ++user) {
    list.clear();
    for (; pair < rows.size() && rows[pair] == user; ++pair) list.emplace_back(scores[pair], items[pair]);
    std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
      return a.first > b.first || (a.first == b.first && a.second < b.second);
    });
    for (std::size_t place = 0; place < list.size(); ++place)
      std::tie(ranking.scores[user * topk + place], ranking.items[user * topk + place]) = list[place];
  }
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
  ops::top_k_finish(context, best.slice(first, count));
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
