#include "neumf/evaluate/full_evaluator.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "neumf/core/error.hpp"
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
                                        const ModelShape& shape, const RankingCases& cases,
                                        std::uint32_t first_row, std::int64_t block_samples,
                                        std::vector<int> topk)
    : users_(static_cast<std::int64_t>(cases.size())),
      items_(shape.items),
      block_users_(std::clamp<std::int64_t>(block_samples / items_, 1, std::max<std::int64_t>(users_, 1))),
      block_items_(part_of_catalogue(items_, std::max<std::int64_t>(block_samples, 1))),
      topk_(std::move(topk)),
      model_(parameters, shape, block_users_, static_cast<std::int32_t>(block_items_), false),
      rows_(users_),
      catalogue_(block_users_ * items_),
      case_rows_(static_cast<std::int64_t>(cases.held_out().items.size())),
      held_out_(case_rows_.size()),
      scores_(block_users_, items_),
      ranks_(case_rows_.size()) {
  require(!parameters.item_share(),
          "the ranking of the whole catalogue reads all items: use --item_embeddings replicated");
  std::vector<std::uint32_t> rows, case_rows;
  for (const std::uint32_t user : cases.users()) rows.push_back(first_row + user);
  upload(context, std::span<const std::uint32_t>(rows), rows_.data());
  std::vector<std::uint32_t> catalogue(static_cast<std::size_t>(catalogue_.size()));
  for (auto begin = catalogue.begin(); begin != catalogue.end(); begin += items_)
    std::iota(begin, begin + items_, 0u);
  upload(context, std::span<const std::uint32_t>(catalogue), catalogue_.data());
  const ItemsByUser& held_out = cases.held_out();
  for (std::size_t c = 0; c < cases.size(); ++c)
    case_rows.resize(held_out.offsets[c + 1],
                     static_cast<std::uint32_t>(c % static_cast<std::size_t>(block_users_)));
  upload(context, std::span<const std::uint32_t>(case_rows), case_rows_.data());
  upload(context, std::span<const std::uint32_t>(held_out.items), held_out_.data());
  user_ranks_.offsets = held_out.offsets;
  user_ranks_.ranks.resize(held_out.items.size());
  const ItemsByUser left_out = cases.left_out();
  seen_ = Tensor<std::uint32_t, Device>(static_cast<std::int64_t>(left_out.items.size()));
  seen_offsets_ = Tensor<std::uint64_t, Device>(static_cast<std::int64_t>(left_out.offsets.size()));
  upload(context, std::span<const std::uint32_t>(left_out.items), seen_.data());
  upload(context, std::span<const std::uint64_t>(left_out.offsets), seen_offsets_.data());
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
    const auto& offsets = user_ranks_.offsets;
    const auto begin = static_cast<std::int64_t>(offsets[static_cast<std::size_t>(first)]);
    const auto end = static_cast<std::int64_t>(offsets[static_cast<std::size_t>(first + users)]);
    ops::rank_in_catalogue(context, Matrix<const float>(scores_.matrix().slice(0, users)),
                           {end - begin, case_rows_.data() + begin, held_out_.data() + begin},
                           seen_offsets_.data() + first, seen_.data(), ranks_.data() + begin);
  }
  download(context, ranks_.data(), std::span<std::uint32_t>(user_ranks_.ranks));
  sort_ranks(user_ranks_);
  MetricSums sums(topk_);
  sums.add(user_ranks_);
  return sums.over_all_ranks(communicator).ranking;
}

template <class Device, class T>
std::size_t FullEvaluator<Device, T>::bytes() const {
  return model_.bytes() + rows_.bytes() + catalogue_.bytes() + case_rows_.bytes() + held_out_.bytes() +
         seen_.bytes() + seen_offsets_.bytes() + scores_.bytes() + ranks_.bytes();
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class FullEvaluator<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
