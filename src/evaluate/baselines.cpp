#include "neumf/evaluate/baselines.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <span>

#include "neumf/evaluate/ease.hpp"
#include "neumf/evaluate/item_knn.hpp"
#include "neumf/ops/ranking.hpp"

namespace neumf {
namespace {

using Clock = std::chrono::steady_clock;

// Fills scores[i] for every item, given a user, counted over all ranks, and its training items.
using Score = std::function<void(std::uint64_t, std::span<const std::uint32_t>, std::span<float>)>;

BaselineResult evaluate(Context<Cpu>& context, const Communicator& communicator, const Shard& own,
                        std::uint32_t items, const std::vector<int>& topk, const Score& score) {
  const auto users = static_cast<std::int64_t>(own.users.size());
  const auto negatives = static_cast<std::int64_t>(own.test_negatives.size()) / users;
  const std::int64_t group_size = 1 + negatives, block = std::clamp<std::int64_t>(4194304 / items, 1, users);
  Tensor<float, Cpu> scores(block, items), logits(block, group_size);
  Tensor<std::uint32_t, Cpu> candidates(block, group_size), ranks(block);
  MetricSums sampled(topk), full(topk);
  for (std::int64_t first = 0; first < users; first += block) {
    const std::int64_t count = std::min(block, users - first);
#pragma omp parallel for num_threads(context.threads()) schedule(dynamic, 16)
    for (std::int64_t g = 0; g < count; ++g) {
      const auto user = static_cast<std::size_t>(first + g);
      const std::uint64_t begin = own.offsets[user], end = own.offsets[user + 1];
      float* row = scores.matrix().row(g);
      score(own.users.first + user, std::span(own.items).subspan(begin, end - begin), {row, items});
      std::uint32_t* group = candidates.matrix().row(g);
      group[0] = own.test_items[user];
      std::copy_n(own.test_negatives.begin() + (first + g) * negatives, negatives, group + 1);
      for (std::int64_t k = 0; k < group_size; ++k) logits.matrix().row(g)[k] = row[group[k]];
    }
    const auto found = ranks.span().first(static_cast<std::size_t>(count));
    const BatchView batch{
        .groups = count, .group_size = static_cast<std::int32_t>(group_size), .items = candidates.data()};
    ops::rank_held_out(context, batch, logits.data(), ranks.data());
    sampled.add(found);
    ops::rank_in_catalogue(context, Matrix<const float>(scores.matrix().slice(0, count)),
                           own.test_items.data() + first, own.offsets.data() + first, own.items.data(),
                           ranks.data());
    full.add(found);
  }
  BaselineResult result;
  result.sampled = sampled.over_all_ranks(communicator).ranking;
  result.full = full.over_all_ranks(communicator).ranking;
  return result;
}

// What is evaluated, and how it scores.
struct Method {
  std::string description;
  Score score;
};

Method popularity(const Shard& all, std::uint32_t items) {
  std::vector<float> counts(items, 0.0f);
  for (const std::uint32_t item : all.items) ++counts[item];
  return {"the number of users who have the item in training",
          [counts](std::uint64_t /*user*/, std::span<const std::uint32_t> /*own*/, std::span<float> scores) {
            std::copy(counts.begin(), counts.end(), scores.begin());
          }};
}

Method make_method(BaselineMethod method, Context<Cpu>& context, const Communicator& communicator,
                   const Shard& all, std::uint32_t items, const BaselineSpec& spec) {
  switch (method) {
    case BaselineMethod::popularity:
      return popularity(all, items);
    case BaselineMethod::item_knn: {
      const auto knn = std::make_shared<ItemKnn>(context, communicator, all, items, spec.neighbours);
      return {
          fmt::format("cosines of the user's items that are among the {} nearest neighbours of the candidate",
                      spec.neighbours),
          [knn](std::uint64_t /*user*/, std::span<const std::uint32_t> own, std::span<float> scores) {
            knn->score(own, scores);
          }};
    }
    case BaselineMethod::als: {
      const auto als = std::make_shared<Als>(context, communicator, all, items, spec.als);
      return {fmt::format("implicit feedback, {} factors, alpha {}, regularisation {}, {} iterations",
                          spec.als.factors, spec.als.alpha, spec.als.regularisation, spec.als.iterations),
              [als](std::uint64_t user, std::span<const std::uint32_t> /*own*/, std::span<float> scores) {
                als->score(user, scores);
              }};
    }
    case BaselineMethod::ease:
      break;
  }
  const auto ease = std::make_shared<Ease>(context, communicator, all, items, spec.ease_regularisation);
  return {fmt::format("regularisation {}", spec.ease_regularisation),
          [ease](std::uint64_t /*user*/, std::span<const std::uint32_t> own, std::span<float> scores) {
            ease->score(own, scores);
          }};
}

}  // namespace

std::vector<BaselineResult> evaluate_baselines(Context<Cpu>& context, const Communicator& communicator,
                                               const Dataset& dataset, const BaselineSpec& spec,
                                               const std::vector<int>& topk) {
  const auto items = static_cast<std::uint32_t>(dataset.items());
  Shard all, own;
  communicator.together([&] {
    all = dataset.load({0, dataset.users()});
    own = dataset.load(dataset.user_range(communicator.rank(), communicator.size()));
  });
  std::vector<BaselineResult> results;
  std::vector<BaselineMethod> methods = spec.methods;
  if (methods.empty())
    for (const auto& named : value_names(BaselineMethod{})) methods.push_back(named.value);
  for (const BaselineMethod method : methods) {
    const auto start = Clock::now();
    BaselineResult result;
    try {
      const Method made = make_method(method, context, communicator, all, items, spec);
      result = evaluate(context, communicator, own, items, topk, made.score);
      result.description = made.description;
    } catch (const CollectiveError& error) {
      if (!spec.methods.empty()) throw;
      result.refused = error.what();
    }
    result.name = name_of(method);
    result.seconds = communicator.max(std::chrono::duration<double>(Clock::now() - start).count());
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace neumf
