#include "neumf/evaluate/evaluator.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/head.hpp"
#include "neumf/ops/memory.hpp"
#include "neumf/ops/ranking.hpp"

namespace neumf {

template <class Device, class T>
Evaluator<Device, T>::Evaluator(Context<Device>& context, Parameters<Device, T>& parameters,
                                const ModelShape& shape, const Shard& shard, std::uint32_t first_row,
                                std::int64_t block_samples, std::vector<int> topk, Loss loss)
    : users_(static_cast<std::int64_t>(shard.users.size())),
      group_size_(static_cast<std::int32_t>(1 + shard.test_negatives.size() /
                                                    std::max<std::size_t>(shard.users.size(), 1))),
      topk_(std::move(topk)),
      loss_kind_(loss),
      model_(parameters, shape,
             std::clamp<std::int64_t>(block_samples / group_size_, 1, std::max<std::int64_t>(users_, 1)),
             group_size_, false),
      rows_(users_),
      items_(users_, group_size_),
      labels_(model_.max_groups() * group_size_),
      logits_(model_.max_groups() * group_size_),
      ranks_(users_),
      loss_(1) {
  std::vector<std::uint32_t> rows(static_cast<std::size_t>(users_));
  std::iota(rows.begin(), rows.end(), first_row);
  upload(context, std::span<const std::uint32_t>(rows), rows_.data());

  const auto negatives = static_cast<std::size_t>(group_size_ - 1);
  std::vector<std::uint32_t> items;
  items.reserve(static_cast<std::size_t>(samples()));
  for (std::size_t user = 0; user < static_cast<std::size_t>(users_); ++user) {
    items.push_back(shard.test_items[user]);
    const auto first = shard.test_negatives.begin() + static_cast<std::ptrdiff_t>(user * negatives);
    items.insert(items.end(), first, first + static_cast<std::ptrdiff_t>(negatives));
  }
  upload(context, std::span<const std::uint32_t>(items), items_.data());

  std::vector<std::uint8_t> labels(static_cast<std::size_t>(labels_.size()), 0);
  for (std::size_t i = 0; i < labels.size(); i += static_cast<std::size_t>(group_size_)) labels[i] = 1;
  upload(context, std::span<const std::uint8_t>(labels), labels_.data());
}

template <class Device, class T>
Metrics Evaluator<Device, T>::evaluate(Context<Device>& context, const Communicator& communicator) {
  ops::fill_zero(context, loss_.span());
  if (users_ > 0) model_.begin_step(context, samples());
  for (std::int64_t first = 0; first < users_; first += model_.max_groups()) {
    const BatchView batch{.groups = std::min(model_.max_groups(), users_ - first),
                          .group_size = group_size_,
                          .users = rows_.data() + first,
                          .items = items_.data() + first * group_size_};
    model_.score(context, batch, logits_.data());
    ops::rank_held_out(context, batch, logits_.data(), ranks_.data() + first);
    if (loss_kind_ == Loss::bce)
      ops::bce_loss(context, batch.samples(), logits_.data(), labels_.data(), loss_.data());
    else
      ops::ranking_loss(context, loss_kind_ == Loss::bpr ? Loss::bpr : Loss::softmax, batch, logits_.data(),
                        nullptr, 0.0f, nullptr, nullptr, loss_.data());
  }
  std::vector<std::uint32_t> ranks(static_cast<std::size_t>(users_));
  double loss = 0;
  download(context, ranks_.data(), std::span<std::uint32_t>(ranks));
  download(context, loss_.data(), std::span<double>(&loss, 1));
  MetricSums sums(topk_);
  sums.add(ranks);
  sums.add_loss(loss, static_cast<std::uint64_t>(loss_kind_ == Loss::bce ? samples() : users_));
  return sums.over_all_ranks(communicator);
}

template <class Device, class T>
std::size_t Evaluator<Device, T>::bytes() const {
  return model_.bytes() + rows_.bytes() + items_.bytes() + labels_.bytes() + logits_.bytes() + ranks_.bytes();
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class Evaluator<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
