#include "neumf/evaluate/baselines.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <span>

#include "neumf/evaluate/ease.hpp"
#include "neumf/evaluate/item_knn.hpp"
#include "neumf/evaluate/ranking_cases.hpp"
#include "neumf/ops/ranking.hpp"

namespace neumf {
namespace {

using Clock = std::chrono::steady_clock;

// Fills scores[i] for every item, given a user, counted over all ranks, and its training items.
using Score = std::function<void(std::uint64_t, std::span<const std::uint32_t>, std::span<float>)>;

BaselineResult evaluate(Context<Cpu>& context, const Communicator& communicator, const Shard& own,
                        std::uint32_t items, const std::vector<int>& topk, const Score& score) {
  const RankingCases cases(own, HeldOutPart::test);
  const ItemsByUser& held_out = cases.held_out();
  const ItemsByUser left_out = cases.left_out();
  const auto users = static_cast<std::int64_t>(cases.size());
  const std::int64_t block = std::clamp<std::int64_t>(4194304 / items, 1, std::max<std::int64_t>(users, 1));
  Tensor<float, Cpu> scores(block, items);
  UserRanks sampled{held_out.offsets, std::vector<std::uint32_t>(held_out.items.size())}, full = sampled;
  for (std::int64_t first = 0; first < users; first += block) {
    const std::int64_t count = std::min(block, users - first);
#pragma omp parallel for num_threads(context.threads()) schedule(dynamic, 16)
    for (std::int64_t g = 0; g < count; ++g) {
      const auto c = static_cast<std::size_t>(first + g);
      float* row = scores.matrix().row(g);
      score(own.users.first + cases.users()[c], own.training(cases.users()[c]), {row, items});
      const auto of = [&](std::span<const std::uint32_t> chosen) {
        std::vector<float> found;
        for (const std::uint32_t item : chosen) found.push_back(row[item]);
        return found;
      };
      const std::vector<float> own_scores = of(held_out.of(c));
      std::vector<float> others = of(cases.negatives(c));
      rank_among(own_scores, others,
                 std::span(sampled.ranks).subspan(held_out.offsets[c], own_scores.size()));
    }
    const std::uint64_t begin = held_out.offsets[static_cast<std::size_t>(first)],
                        end = held_out.offsets[static_cast<std::size_t>(first + count)];
    std::vector<std::uint32_t> rows;
    for (std::int64_t g = 0; g < count; ++g)
      rows.resize(held_out.offsets[static_cast<std::size_t>(first + g) + 1] - begin,
                  static_cast<std::uint32_t>(g));
    ops::rank_in_catalogue(
        context, Matrix<const float>(scores.matrix().slice(0, count)),
        {static_cast<std::int64_t>(end - begin), rows.data(), held_out.items.data() + begin},
        left_out.offsets.data() + first, left_out.items.data(), full.ranks.data() + begin);
  }
  sort_ranks(full);
  MetricSums sampled_sums(topk), full_sums(topk);
  sampled_sums.add(sampled);
  full_sums.add(full);
  BaselineResult result;
  result.sampled = sampled_sums.over_all_ranks(communicator).ranking;
  result.full = full_sums.over_all_ranks(communicator).ranking;
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
      return {
          fmt::format("implicit feedback, {} factors, alpha {}, regularisation {} to power {}, {} iterations",
                      spec.als.factors, spec.als.alpha, spec.als.regularisation,
                      spec.als.regularisation_power, spec.als.iterations),
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
