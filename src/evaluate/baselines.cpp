#include "neumf/evaluate/baselines.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <span>

#include "neumf/evaluate/item_knn.hpp"
#include "neumf/ops/ranking.hpp"

namespace neumf {
namespace {

using Clock = std::chrono::steady_clock;

// Fills scores[i] for every item, given a user's training items.
using Score = std::function<void(std::span<const std::uint32_t>, std::span<float>)>;

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
      score(std::span(own.items).subspan(begin, end - begin), {row, items});
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

}  // namespace

std::vector<BaselineResult> evaluate_baselines(Context<Cpu>& context, const Communicator& communicator,
                                               const Dataset& dataset, std::uint32_t neighbours,
                                               const std::vector<int>& topk) {
  const auto items = static_cast<std::uint32_t>(dataset.items());
  Shard all, own;
  communicator.together([&] {
    all = dataset.load({0, dataset.users()});
    own = dataset.load(dataset.user_range(communicator.rank(), communicator.size()));
  });
  std::vector<BaselineResult> results;
  const auto add = [&](const char* name, Clock::time_point start, const Score& score) {
    results.push_back(evaluate(context, communicator, own, items, topk, score));
    results.back().name = name;
    results.back().seconds = communicator.max(std::chrono::duration<double>(Clock::now() - start).count());
  };

  auto start = Clock::now();
  std::vector<float> popularity(items, 0.0f);
  for (const std::uint32_t item : all.items) ++popularity[item];
  add("popularity", start, [&](std::span<const std::uint32_t> /*user_items*/, std::span<float> scores) {
    std::copy(popularity.begin(), popularity.end(), scores.begin());
  });

  start = Clock::now();
  const ItemKnn knn(context, communicator, all, items, neighbours);
  add("item-knn", start, [&](std::span<const std::uint32_t> user_items, std::span<float> scores) {
    knn.score(user_items, scores);
  });
  return results;
}

}  // namespace neumf
