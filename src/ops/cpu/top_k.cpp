#include "neumf/ops/top_k.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "parallel.hpp"

namespace neumf::ops {
namespace {

constexpr float nothing = -std::numeric_limits<float>::infinity();
constexpr std::int64_t stride = 64;  // scores compared at once

// Lists of up to so many are kept in order while they grow. Moving the places behind a new item would make
// longer ones quadratic: they are gathered without order, then kept as a heap, and sorted at the end.
constexpr std::int64_t longest_ordered = 64;

// Of equal scores the smaller item comes first: items arrive in ascending order within a call, but not
// between calls.
bool better(float score, std::uint32_t item, float other_score, std::uint32_t other) {
  return score > other_score || (score == other_score && item < other);
}

// One user's list.
struct List {
  std::int64_t k;
  float* scores;
  std::uint32_t* items;

  bool ordered() const { return k <= longest_ordered; }
  // The place of the worst, which an item must beat; empty places are worse than any item.
  std::int64_t worst() const { return ordered() || items[k - 1] == no_item ? k - 1 : 0; }
  float least() const { return scores[worst()]; }

  void insert(float score, std::uint32_t item) {
    std::int64_t at = k - 1;
    if (!better(score, item, scores[at], items[at])) return;
    for (; at > 0 && better(score, item, scores[at - 1], items[at - 1]); --at) move(at - 1, at);
    put(at, score, item);
  }
  // `filled`: places that are taken; the caller's to keep.
  void gather(float score, std::uint32_t item, std::int64_t& filled) {
    if (filled < k) {
      put(filled++, score, item);
      if (filled == k)
        for (std::int64_t top = k / 2; top-- > 0;) sink(top);
    } else if (better(score, item, scores[0], items[0])) {
      put(0, score, item);
      sink(0);
    }
  }
  std::int64_t filled() const {
    return std::partition_point(items, items + k, [](std::uint32_t item) { return item != no_item; }) - items;
  }

 private:
  void put(std::int64_t at, float score, std::uint32_t item) {
    scores[at] = score;
    items[at] = item;
  }
  void move(std::int64_t from, std::int64_t to) { put(to, scores[from], items[from]); }
  // Restores the heap, the worst on top, below a place.
  void sink(std::int64_t at) {
    const float score = scores[at];
    const std::uint32_t item = items[at];
    for (std::int64_t child = 2 * at + 1; child < k; child = 2 * at + 1) {
      if (child + 1 < k && better(scores[child], items[child], scores[child + 1], items[child + 1])) ++child;
      if (!better(score, item, scores[child], items[child])) break;
      move(child, at);
      at = child;
    }
    put(at, score, item);
  }
};

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
      List list{k, best.scores.row(r), best.items.row(r)};
      std::int64_t filled = list.ordered() ? k : list.filled();
      for (std::int64_t first = 0; first < block; first += stride) {
        const std::int64_t last = std::min(first + stride, block);
        if (!any_at_least(row + first, last - first, list.least())) continue;
        for (std::int64_t j = first; j < last; ++j) {
          if (!(row[j] > nothing && row[j] >= list.least())) continue;
          const std::uint32_t item = first_item + static_cast<std::uint32_t>(j);
          if (list.ordered())
            list.insert(row[j], item);
          else
            list.gather(row[j], item, filled);
        }
      }
    }
  });
}

template <>
void top_k_finish<Cpu>(Context<Cpu>& context, const TopK& best) {
  const std::int64_t k = best.scores.cols;
  if (k <= longest_ordered) return;
  cpu::parallel_ranges(context, best.scores.rows, 1, [&](int, std::int64_t begin, std::int64_t end) {
    std::vector<std::pair<float, std::uint32_t>> sorted;
    for (std::int64_t r = begin; r < end; ++r) {
      const List list{k, best.scores.row(r), best.items.row(r)};
      sorted.clear();
      for (std::int64_t i = 0; i < k && list.items[i] != no_item; ++i)
        sorted.emplace_back(list.scores[i], list.items[i]);
      std::sort(sorted.begin(), sorted.end(),
                [](const auto& a, const auto& b) { return better(a.first, a.second, b.first, b.second); });
      for (std::size_t i = 0; i < sorted.size(); ++i) std::tie(list.scores[i], list.items[i]) = sorted[i];
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
