#include "neumf/evaluate/full_evaluator.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/ranking.hpp"

namespace neumf {
namespace {

// The catalogue in equal parts of at most `block_samples` items.
std::int64_t part_of_catalogue(std::int64_t items, std::int64_t block_samples) {
  const std::int64_t parts = (items + block_samples - 1) / block_samples;
  return (items + parts - 1) / parts;
}

}  // namespace

template <class Device, class T>
FullEvaluator<Device, T>::FullEvaluator(Context<Device>& context, Parameters<Device, T>& parameters,
                                        const ModelShape& shape, const Shard& shard, std::uint32_t first_row,
                                        std::int64_t block_samples, std::vector<int> topk)
    : users_(static_cast<std::int64_t>(shard.users.size())),
      items_(shape.items),
      block_users_(std::clamp<std::int64_t>(block_samples / items_, 1, std::max<std::int64_t>(users_, 1))),
      block_items_(part_of_catalogue(items_, std::max<std::int64_t>(block_samples, 1))),
      topk_(std::move(topk)),
      model_(parameters, shape, block_users_, static_cast<std::int32_t>(block_items_), false),
      rows_(users_),
      catalogue_(block_users_ * items_),
      held_out_(users_),
      seen_(static_cast<std::int64_t>(shard.items.size())),
      seen_offsets_(static_cast<std::int64_t>(shard.offsets.size())),
      scores_(block_users_, items_),
      ranks_(users_) {
  std::vector<std::uint32_t> rows(static_cast<std::size_t>(users_));
  std::iota(rows.begin(), rows.end(), first_row);
  upload(context, std::span<const std::uint32_t>(rows), rows_.data());
  std::vector<std::uint32_t> catalogue(static_cast<std::size_t>(catalogue_.size()));
  for (auto begin = catalogue.begin(); begin != catalogue.end(); begin += items_)
    std::iota(begin, begin + items_, 0u);
  upload(context, std::span<const std::uint32_t>(catalogue), catalogue_.data());
  upload(context, std::span<const std::uint32_t>(shard.test_items), held_out_.data());
  upload(context, std::span<const std::uint32_t>(shard.items), seen_.data());
  upload(context, std::span<const std::uint64_t>(shard.offsets), seen_offsets_.data());
}

template <class Device, class T>
Ranking FullEvaluator<Device, T>::evaluate(Context<Device>& context, const Communicator& communicator) {
  if (users_ > 0) model_.begin_step(context, samples());
  for (std::int64_t first = 0; first < users_; first += block_users_) {
    const std::int64_t users = std::min(block_users_, users_ - first);
    for (std::int64_t item = 0; item < items_; item += block_items_) {
      const BatchView batch{.groups = users,
                            .group_size = static_cast<std::int32_t>(std::min(block_items_, items_ - item)),
                            .users = rows_.data() + first,
                            .items = catalogue_.data() + item};
      model_.score(context, batch, scores_.data() + item);
    }
    ops::rank_in_catalogue(context, Matrix<const float>(scores_.matrix().slice(0, users)),
                           held_out_.data() + first, seen_offsets_.data() + first, seen_.data(),
                           ranks_.data() + first);
  }
  std::vector<std::uint32_t> ranks(static_cast<std::size_t>(users_));
  download(context, ranks_.data(), std::span<std::uint32_t>(ranks));
  MetricSums sums(topk_);
  sums.add(ranks);
  return sums.over_all_ranks(communicator).ranking;
}

template <class Device, class T>
std::size_t FullEvaluator<Device, T>::bytes() const {
  return model_.bytes() + rows_.bytes() + catalogue_.bytes() + held_out_.bytes() + seen_.bytes() +
         seen_offsets_.bytes() + scores_.bytes() + ranks_.bytes();
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class FullEvaluator<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
