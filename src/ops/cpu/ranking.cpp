#include "neumf/ops/ranking.hpp"

#include <vector>

#include "parallel.hpp"

namespace neumf::ops {
namespace {

// A set of item ids for one group at a time: open addressing, emptied in O(1) by changing the stamp.
class ItemSet {
 public:
  explicit ItemSet(std::int32_t capacity) {
    std::size_t size = 16;
    while (size < 2 * static_cast<std::size_t>(capacity)) size *= 2;
    items_.resize(size);
    stamps_.resize(size, 0);
  }
  void clear() { ++stamp_; }
  // Whether `item` was not in the set before.
  bool insert(std::uint32_t item) {
    const std::size_t mask = items_.size() - 1;
    for (std::size_t slot = (item * 0x9E3779B9u) >> 7;; ++slot) {
      slot &= mask;
      if (stamps_[slot] != stamp_) {
        stamps_[slot] = stamp_;
        items_[slot] = item;
        return true;
      }
      if (items_[slot] == item) return false;
    }
  }

 private:
  std::vector<std::uint32_t> items_;
  std::vector<std::uint64_t> stamps_;
  std::uint64_t stamp_ = 0;
};

}  // namespace

template <>
void rank_held_out<Cpu>(Context<Cpu>& context, const BatchView& batch, const float* logits,
                        std::uint32_t* ranks) {
  cpu::parallel_ranges(context, batch.groups, 64, [&](int, std::int64_t begin, std::int64_t end) {
    ItemSet seen(batch.group_size);
    for (std::int64_t g = begin; g < end; ++g) {
      const std::uint32_t* items = batch.items + g * batch.group_size;
      const float* scores = logits + g * batch.group_size;
      seen.clear();
      seen.insert(items[0]);
      std::uint32_t rank = 0;
      // Written so that a NaN on either side counts against the held-out item.
      for (std::int32_t j = 1; j < batch.group_size; ++j)
        if (seen.insert(items[j])) rank += !(scores[j] < scores[0]);
      ranks[g] = rank;
    }
  });
}

template <>
void rank_in_catalogue<Cpu>(Context<Cpu>& context, Matrix<const float> scores, const CatalogueCases& cases,
                            const std::uint64_t* seen_offsets, const std::uint32_t* seen,
                            std::uint32_t* ranks) {
  cpu::parallel_ranges(context, cases.count, 1, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      const std::uint32_t u = cases.rows[c], held_out = cases.items[c];
      const float* row = scores.row(u);
      const float limit = row[held_out];
      // Written so that a NaN on either side counts against the held-out item.
      std::uint32_t rank = 0;
#pragma omp simd reduction(+ : rank)
      for (std::int64_t i = 0; i < scores.cols; ++i) rank += row[i] < limit ? 0u : 1u;
      // The seen items come out again, and the held-out item, which never scores below itself.
      bool held_out_seen = false;
      for (std::uint64_t j = seen_offsets[u]; j < seen_offsets[u + 1]; ++j) {
        rank -= row[seen[j]] < limit ? 0u : 1u;
        held_out_seen = held_out_seen || seen[j] == held_out;
      }
      ranks[c] = rank - (held_out_seen ? 0u : 1u);
    }
  });
}

}  // namespace neumf::ops
