#include "neumf/ops/sample.hpp"

#include <algorithm>
#include <vector>

#include "parallel.hpp"
#include "philox_lanes.hpp"

namespace neumf::ops {
namespace {

// The random blocks of a few groups at once: `blocks` neighbouring ones for each.
class NegativeBits {
 public:
  NegativeBits(const SamplerSpec& spec, std::int64_t groups, std::int64_t blocks)
      : philox_(spec.seed, RandomStream::negatives, spec.epoch), blocks_(blocks) {
    const auto lanes = static_cast<std::size_t>(groups * blocks);
    for (auto* counter : {&low_, &high_, &word_}) counter->resize(lanes);
    out_.resize(lanes * 8);
  }
  // Group t has a positive and samples from its k-th on.
  void set(std::int64_t t, std::uint64_t positive, std::uint64_t k) {
    for (std::int64_t b = 0; b < blocks_; ++b) {
      const auto lane = static_cast<std::size_t>(t * blocks_ + b);
      low_[lane] = static_cast<std::uint32_t>(positive);
      high_[lane] = static_cast<std::uint32_t>(positive >> 32);
      word_[lane] = negative_word(std::max<std::uint64_t>(k, 1)) + static_cast<std::uint32_t>(b);
    }
  }
  void generate(std::int64_t groups) {
    cpu::philox_lanes(philox_, groups * blocks_, low_.data(), high_.data(), word_.data(), out_.data());
  }
  // For the `word`-th of the group's negatives, counted from the start of its first block.
  std::uint32_t operator()(std::int64_t t, std::uint64_t word) const {
    const std::uint16_t* pieces =
        out_.data() + 2 * (static_cast<std::uint64_t>(4 * blocks_ * t) + word);  // the lower half first
    return pieces[0] | static_cast<std::uint32_t>(pieces[1]) << 16;
  }

 private:
  Philox philox_;
  std::int64_t blocks_;
  std::vector<std::uint32_t> low_, high_, word_;
  std::vector<std::uint16_t> out_;
};

}  // namespace

template <>
void sample_batch<Cpu>(Context<Cpu>& context, const TrainingSetView& set, const SamplerSpec& spec,
                       const StepState* state, std::uint64_t offset, std::int64_t groups,
                       BatchBuffer<Cpu>& out) {
  const std::uint64_t first = state->position + offset;
  const Permutation shuffle = spec.permutation(set);
  const std::uint32_t per_positive = spec.per_positive();
  const auto group_size = static_cast<std::int64_t>(spec.group_size());
  const std::int64_t blocks = group_size == 1 ? 1 : (group_size + 2) / 4;  // of 4 negatives
  const std::int64_t tile = std::max<std::int64_t>(64 / blocks, 1);
  std::uint32_t* users = out.users.data();
  std::uint64_t* ids = out.ids.data();
  cpu::parallel_ranges(context, groups, 64, [&](int, std::int64_t begin, std::int64_t end) {
    NegativeBits bits(spec, tile, blocks);
    std::vector<std::uint64_t> positives(static_cast<std::size_t>(tile));
    for (std::int64_t from = begin; from < end; from += tile) {
      const std::int64_t count = std::min(tile, end - from);
      for (std::int64_t t = 0; t < count; ++t) {
        const std::uint64_t drawn = shuffle(first + static_cast<std::uint64_t>(from + t));
        const std::uint64_t positive = group_size == 1 ? drawn / per_positive : drawn;
        const std::uint64_t k = group_size == 1 ? drawn % per_positive : 0;
        positives[static_cast<std::size_t>(t)] = positive;
        users[from + t] = set.users[positive] + spec.user_row_offset;
        ids[from + t] = (set.first_positive + positive) * per_positive + k;
        bits.set(t, set.first_positive + positive, k);
      }
      bits.generate(count);
      for (std::int64_t t = 0; t < count; ++t) {
        const std::uint64_t positive = positives[static_cast<std::size_t>(t)], id = ids[from + t];
        const std::uint64_t first_k = id - (set.first_positive + positive) * per_positive;
        const std::uint64_t first_word = std::max<std::uint64_t>(first_k, 1) - 1;
        std::uint32_t* items = out.items.data() + (from + t) * group_size;
        std::uint8_t* labels = out.labels.data() + (from + t) * group_size;
        for (std::int64_t j = 0; j < group_size; ++j) {
          const std::uint64_t k = first_k + static_cast<std::uint64_t>(j);
          labels[j] = k == 0;
          if (k == 0) {
            items[j] = set.items[positive];
            continue;
          }
          items[j] = bounded(bits(t, k - 1 - first_word / 4 * 4), spec.item_count);
          if (spec.exact_negatives &&
              in_training(set, set.users[positive], items[j]))  // rare: further attempts
            items[j] = sample_item(set, spec, positive, id + static_cast<std::uint64_t>(j));
        }
      }
    }
  });
}

}  // namespace neumf::ops
