#include "neumf/ops/top_k.hpp"

#include <algorithm>
#include <limits>

#include "parallel.hpp"

namespace neumf::ops {
namespace {

constexpr float nothing = -std::numeric_limits<float>::infinity();
constexpr std::int64_t stride = 64;  // scores compared at once

// Puts an item that is better than the last of the list into its place. Of equal scores the smaller item
// comes first: items arrive in ascending order within a call, but not between calls.
void insert(float score, std::uint32_t item, std::int64_t k, float* scores, std::uint32_t* items) {
  const auto better = [&](std::int64_t at) {
    return score > scores[at] || (score == scores[at] && item < items[at]);
  };
  std::int64_t at = k - 1;
  if (!better(at)) return;
  for (; at > 0 && better(at - 1); --at) {
    scores[at] = scores[at - 1];
    items[at] = items[at - 1];
  }
  scores[at] = score;
  items[at] = item;
}

// Whether any score is at least `least`, which few are once the list is full. NaN never is.
bool any_at_least(const float* scores, std::int64_t n, float least) {
  int found = 0;
#pragma omp simd reduction(| : found)
  for (std::int64_t j = 0; j < n; ++j) found |= scores[j] >= least ? 1 : 0;
  return found != 0;
}

}  // namespace

template <>
void top_k_clear<Cpu>(Context<Cpu>& /*context*/, const TopK& best) {
  std::fill_n(best.scores.data, best.scores.size(), nothing);
  std::fill_n(best.items.data, best.items.size(), no_item);
}

template <>
void top_k_merge<Cpu>(Context<Cpu>& context, Matrix<const float> scores, std::uint32_t first_item,
                      const TopK& best) {
  const std::int64_t k = best.scores.cols, block = scores.cols;
  if (k == 0) return;
  cpu::parallel_ranges(context, scores.rows, 1, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* row = scores.row(r);
      float* best_scores = best.scores.row(r);
      std::uint32_t* best_items = best.items.row(r);
      for (std::int64_t first = 0; first < block; first += stride) {
        const std::int64_t last = std::min(first + stride, block);
        const float least = best_scores[k - 1];
        if (!any_at_least(row + first, last - first, least)) continue;
        for (std::int64_t j = first; j < last; ++j)
          if (row[j] > nothing && row[j] >= best_scores[k - 1])
            insert(row[j], first_item + static_cast<std::uint32_t>(j), k, best_scores, best_items);
      }
    }
  });
}

template <>
void exclude_items<Cpu>(Context<Cpu>& context, const std::uint64_t* offsets, const std::uint32_t* items,
                        std::uint32_t first_item, Matrix<float> scores) {
  cpu::parallel_ranges(context, scores.rows, 1, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const std::uint32_t* last = items + offsets[r + 1];
      for (const auto* item = std::lower_bound(items + offsets[r], last, first_item);
           item != last && *item - first_item < scores.cols; ++item)
        scores.row(r)[*item - first_item] = nothing;
    }
  });
}

}  // namespace neumf::ops
