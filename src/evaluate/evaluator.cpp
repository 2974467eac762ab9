#include "neumf/evaluate/evaluator.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "neumf/core/error.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/head.hpp"
#include "neumf/ops/memory.hpp"
#include "neumf/ops/ranking.hpp"
#include "neumf/ops/ranking_loss.hpp"

namespace neumf {
namespace {

// Of lists: short, since the last group of each is filled up with samples that do not count.
constexpr std::int32_t list_group_size = 32;

std::int32_t group_size_of(const RankingCases& cases) {
  return cases.one_each() ? static_cast<std::int32_t>(1 + cases.negatives_per_user()) : list_group_size;
}

// ln(1 + e^x)
double softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

// Whether every scored item has a loss of its own.
bool each_by_itself(Loss kind) {
  return kind == Loss::bce || kind == Loss::ials;
}

// Of a user's scores: over all of them in bce and ials, otherwise over the held-out items, each compared with
// the negatives (ops::ranking_loss).
double loss_of(Loss kind, std::span<const float> held_out, std::span<const float> negatives) {
  double sum = 0;
  if (kind == Loss::bce) {
    for (const float score : held_out) sum += softplus(-static_cast<double>(score));
    for (const float score : negatives) sum += softplus(static_cast<double>(score));
    return sum;
  }
  if (kind == Loss::ials) {
    for (const float score : held_out) sum += (1.0 - score) * (1.0 - score);
    for (const float score : negatives) sum += static_cast<double>(score) * score;
    return sum;
  }
  const auto highest = negatives.empty() ? 0.0f : *std::max_element(negatives.begin(), negatives.end());
  for (const float positive : held_out) {
    const auto above = [&](float score) {
      return static_cast<double>(score) - static_cast<double>(positive);
    };
    double own = 0;
    if (kind == Loss::bpr) {
      for (const float score : negatives) own += softplus(above(score));
      sum += negatives.empty() ? 0.0 : own / static_cast<double>(negatives.size());
      continue;
    }
    // Less the highest of all, so that nothing overflows.
    const double top = negatives.empty() ? 0.0 : std::max(above(highest), 0.0);
    own = std::exp(-top);
    for (const float score : negatives) own += std::exp(above(score) - top);
    sum += top + std::log(own);
  }
  return sum;
}

}  // namespace

template <class Device, class T>
auto Evaluator<Device, T>::lists_of(const RankingCases& cases) -> std::vector<List> {
  std::vector<List> lists;
  if (cases.one_each()) return lists;
  std::int64_t next = 0;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const List list{next, cases.held_out().of(c).size(), cases.negatives(c).size()};
    const auto size = static_cast<std::int64_t>(list.held_out + list.negatives);
    next += (size + list_group_size - 1) / list_group_size * list_group_size;
    lists.push_back(list);
  }
  lists.push_back({next, 0, 0});
  return lists;
}

template <class Device, class T>
Evaluator<Device, T>::Evaluator(Context<Device>& context, Parameters<Device, T>& parameters,
                                const ModelShape& shape, const RankingCases& cases, std::uint32_t first_row,
                                std::int64_t block_samples, std::vector<int> topk, Loss loss,
                                ItemRows<Device>* item_source)
    : lists_(lists_of(cases)),
      group_size_(group_size_of(cases)),
      groups_(lists_.empty() ? static_cast<std::int64_t>(cases.size()) : lists_.back().first / group_size_),
      topk_(std::move(topk)),
      loss_kind_(loss),
      model_(parameters, shape,
             std::clamp<std::int64_t>(block_samples / group_size_, 1, std::max<std::int64_t>(groups_, 1)),
             group_size_, false),
      rows_(groups_),
      items_(groups_, group_size_),
      item_source_(item_source),
      groups_at_once_(item_source == nullptr
                          ? groups_
                          : std::max<std::int64_t>(parameters.layout().item_mlp.rows / group_size_, 1)),
      item_rows_(item_source == nullptr ? 0 : std::min(groups_at_once_, groups_) * group_size_),
      labels_(lists_.empty() ? model_.max_groups() * group_size_ : 0),
      logits_(model_.max_groups() * group_size_),
      ranks_(lists_.empty() ? groups_ : 0),
      loss_(1) {
  require((item_source != nullptr) == parameters.item_share().has_value(),
          "the evaluation has not the items of its parameters");
  require(std::min<std::int64_t>(group_size_, shape.items) <= parameters.layout().item_mlp.rows,
          "a user has {} items to rank, but there is room for the rows of {}", group_size_,
          parameters.layout().item_mlp.rows);
  std::vector<std::uint32_t> rows, items;
  rows.reserve(static_cast<std::size_t>(groups_));
  items.reserve(static_cast<std::size_t>(groups_ * group_size_));
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const std::uint32_t row = first_row + cases.users()[c];
    const auto held_out = cases.held_out().of(c);
    items.insert(items.end(), held_out.begin(), held_out.end());
    if (lists_.empty()) {
      const auto negatives = cases.stored_negatives(c);
      items.insert(items.end(), negatives.begin(), negatives.end());
      rows.push_back(row);
      continue;
    }
    const auto negatives = cases.negatives(c);
    items.insert(items.end(), negatives.begin(), negatives.end());
    samples_ += static_cast<std::int64_t>(held_out.size() + negatives.size());
    items.resize(static_cast<std::size_t>(lists_[c + 1].first), held_out.front());
    rows.resize(static_cast<std::size_t>(lists_[c + 1].first / group_size_), row);
  }
  if (lists_.empty()) samples_ = groups_ * group_size_;
  upload(context, std::span<const std::uint32_t>(rows), rows_.data());
  upload(context, std::span<const std::uint32_t>(items), items_.data());

  std::vector<std::uint8_t> labels(static_cast<std::size_t>(labels_.size()), 0);
  for (std::size_t i = 0; i < labels.size(); i += static_cast<std::size_t>(group_size_)) labels[i] = 1;
  upload(context, std::span<const std::uint8_t>(labels), labels_.data());
  scores_.resize(lists_.empty() ? 0 : items.size());
}

template <class Device, class T>
Metrics Evaluator<Device, T>::evaluate(Context<Device>& context, const Communicator& communicator) {
  ops::fill_zero(context, loss_.span());
  double squares = 0;
  if (item_source_ == nullptr) {
    squares = score(context, 0, groups_, items_.data());
  } else {
    // All ranks read together, also one that has no group left.
    const std::int64_t times = communicator.max((groups_ + groups_at_once_ - 1) / groups_at_once_);
    for (std::int64_t time = 0; time < times; ++time) {
      const std::int64_t first = std::min(time * groups_at_once_, groups_);
      const std::int64_t groups = std::min(groups_at_once_, groups_ - first);
      const auto samples = static_cast<std::size_t>(groups * group_size_);
      item_source_->read(context,
                         std::span<const std::uint32_t>(items_.data() + first * group_size_, samples),
                         item_rows_.span().first(samples));
      squares += score(context, first, groups, item_rows_.data());
    }
  }
  MetricSums sums(topk_);
  const double loss = squares + (lists_.empty() ? rank_groups(context) : rank_lists(context));
  const auto held_out = static_cast<std::uint64_t>(user_ranks_.ranks.size());
  sums.add_loss(loss, each_by_itself(loss_kind_) ? static_cast<std::uint64_t>(samples_) : held_out);
  sums.add(user_ranks_);
  return sums.over_all_ranks(communicator);
}

template <class Device, class T>
double Evaluator<Device, T>::score(Context<Device>& context, std::int64_t begin, std::int64_t groups,
                                   const std::uint32_t* items) {
  double squares = 0;
  if (groups > 0) model_.begin_step(context, groups * group_size_);
  for (std::int64_t first = begin; first < begin + groups; first += model_.max_groups()) {
    const BatchView batch{.groups = std::min(model_.max_groups(), begin + groups - first),
                          .group_size = group_size_,
                          .users = rows_.data() + first,
                          .items = items + (first - begin) * group_size_};
    model_.score(context, batch, logits_.data());
    if (lists_.empty()) {
      ops::rank_held_out(context, batch, logits_.data(), ranks_.data() + first);
      if (loss_kind_ == Loss::bce)
        ops::bce_loss(context, batch.samples(), logits_.data(), labels_.data(), loss_.data());
      else if (loss_kind_ == Loss::ials)
        squares += squares_of(context, batch.groups);
      else
        ops::ranking_loss(context, loss_kind_ == Loss::bpr ? Loss::bpr : Loss::softmax, batch, logits_.data(),
                          nullptr, 0.0f, nullptr, nullptr, loss_.data());
    } else {
      download(context, static_cast<const float*>(logits_.data()),
               std::span(scores_).subspan(static_cast<std::size_t>(first * group_size_),
                                          static_cast<std::size_t>(batch.samples())));
    }
  }
  return squares;
}

// Of the block's logits; no device has a word for it.
template <class Device, class T>
double Evaluator<Device, T>::squares_of(Context<Device>& context, std::int64_t groups) {
  const auto size = static_cast<std::size_t>(group_size_);
  scores_.resize(static_cast<std::size_t>(groups) * size);
  download(context, static_cast<const float*>(logits_.data()), std::span(scores_));
  context.synchronize();
  double sum = 0;
  for (std::size_t at = 0; at < scores_.size(); at += size) {
    const auto group = std::span(scores_).subspan(at, size);
    sum += loss_of(Loss::ials, group.first(1), group.subspan(1));
  }
  return sum;
}

template <class Device, class T>
double Evaluator<Device, T>::rank_groups(Context<Device>& context) {
  double loss = 0;
  user_ranks_.ranks.resize(static_cast<std::size_t>(groups_));
  user_ranks_.offsets.resize(user_ranks_.ranks.size() + 1);
  std::iota(user_ranks_.offsets.begin(), user_ranks_.offsets.end(), std::uint64_t{0});
  download(context, ranks_.data(), std::span<std::uint32_t>(user_ranks_.ranks));
  download(context, loss_.data(), std::span<double>(&loss, 1));
  return loss;
}

template <class Device, class T>
double Evaluator<Device, T>::rank_lists(Context<Device>& context) {
  context.synchronize();
  const std::size_t cases = lists_.size() - 1;
  user_ranks_ = {};
  for (std::size_t c = 0; c < cases; ++c)
    user_ranks_.offsets.push_back(user_ranks_.offsets.back() + lists_[c].held_out);
  user_ranks_.ranks.resize(user_ranks_.offsets.back());
  // Summed in the order of the users: the same for any number of threads.
  std::vector<double> losses(cases, 0);
#pragma omp parallel for num_threads(context.threads()) schedule(dynamic, 64)
  for (std::size_t c = 0; c < cases; ++c) {
    const List& list = lists_[c];
    const auto scores = std::span(scores_).subspan(static_cast<std::size_t>(list.first));
    const auto held_out = scores.first(list.held_out);
    const auto negatives = scores.subspan(list.held_out, list.negatives);
    losses[c] = loss_of(loss_kind_, held_out, negatives);
    rank_among(held_out, negatives,
               std::span(user_ranks_.ranks).subspan(user_ranks_.offsets[c], list.held_out));
  }
  return std::accumulate(losses.begin(), losses.end(), 0.0);
}

template <class Device, class T>
std::size_t Evaluator<Device, T>::bytes() const {
  return model_.bytes() + rows_.bytes() + items_.bytes() + item_rows_.bytes() + labels_.bytes() +
         logits_.bytes() + ranks_.bytes();
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class Evaluator<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
