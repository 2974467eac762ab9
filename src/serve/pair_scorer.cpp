#include "neumf/serve/pair_scorer.hpp"

#include <algorithm>
#include <limits>

#include "neumf/core/error.hpp"
#include "neumf/nn/instantiate.hpp"

namespace neumf::serve {

template <class Device, class T>
PairScorer<Device, T>::PairScorer(Context<Device>& context, CheckpointReader& checkpoint,
                                  std::int64_t most_pairs, UserRows* rows)
    : model_(context, checkpoint, most_pairs, {}, rows),
      network_(model_.parameters(), model_.shape(),
               std::min<std::int64_t>(context.block_samples(), most_pairs), 1, false),
      rows_(most_pairs),
      items_(most_pairs),
      logits_(most_pairs) {
  // The weights never change, so the items' halves of the first layer are worth computing however few pairs
  // there are in a block.
  network_.pair_layer().force(ItemProjection::per_item);
  network_.begin_step(context, most_pairs);
}

template <class Device, class T>
std::vector<float> PairScorer<Device, T>::score(Context<Device>& context,
                                                std::span<const std::uint32_t> users,
                                                std::span<const std::uint32_t> items) {
  require(users.size() == items.size() && static_cast<std::int64_t>(users.size()) <= most_pairs(),
          "{} users and {} items are not at most {} pairs", users.size(), items.size(), most_pairs());
  std::vector<float> scores(users.size());
  if (users.empty()) return scores;
  std::vector<std::uint32_t> distinct(users.begin(), users.end());
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::vector<std::uint32_t> rows;
  rows.reserve(users.size());
  for (const std::uint32_t user : users)
    rows.push_back(static_cast<std::uint32_t>(std::lower_bound(distinct.begin(), distinct.end(), user) -
                                              distinct.begin()));
  model_.load_users(context, distinct);
  upload(context, std::span<const std::uint32_t>(rows), rows_.data());
  upload(context, items, items_.data());
  const auto pairs = static_cast<std::int64_t>(users.size());
  for (std::int64_t first = 0; first < pairs; first += network_.max_groups()) {
    const BatchView batch{.groups = std::min(network_.max_groups(), pairs - first),
                          .users = rows_.data() + first,
                          .items = items_.data() + first};
    network_.score(context, batch, logits_.data() + first);
  }
  download(context, static_cast<const float*>(logits_.data()), std::span<float>(scores));
  return scores;
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class PairScorer<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::serve
