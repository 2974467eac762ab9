#include "neumf/ops/sample.hpp"

#include <algorithm>
#include <vector>

#include "absent_items.hpp"
#include "parallel.hpp"
#include "philox_lanes.hpp"
#include "vector.hpp"

namespace neumf::ops {

template <>
void sample_batch<Cpu>(Context<Cpu>& context, const TrainingSetView& set, const SamplerSpec& sampler,
                       const StepState* state, std::uint64_t offset, std::int64_t groups,
                       BatchBuffer<Cpu>& out) {
  SamplerSpec spec = sampler;
  spec.epoch = state->epoch;
  const std::uint64_t first = state->position + offset;
  const Permutation shuffle = spec.permutation(set);
  const std::uint32_t per_positive = spec.per_positive();
  const auto group_size = static_cast<std::int64_t>(spec.group_size());
  const std::int64_t blocks = group_size == 1 ? 1 : (group_size + 2) / 4;  // of 4 negatives
  const std::int64_t tile = std::max<std::int64_t>(64 / blocks, 1);
  std::uint32_t* users = out.users.data();
  std::uint64_t* ids = out.ids.data();
  cpu::parallel_ranges(context, groups, 64, [&](int, std::int64_t begin, std::int64_t end) {
    // A group's positive, the number of its first sample, and the random block of its first negative.
    struct Group {
      std::uint64_t positive, k;
      std::uint32_t word;
    };
    std::vector<Group> drawn(static_cast<std::size_t>(tile));
    cpu::PhiloxLanes random(Philox(spec.seed, RandomStream::negatives, spec.epoch), tile * blocks);
    cpu::AbsentItems absent;
    for (std::int64_t from = begin; from < end; from += tile) {
      const std::int64_t count = std::min(tile, end - from);
      for (std::int64_t t = 0; t < count; ++t) {
        const std::uint64_t at = shuffle(first + static_cast<std::uint64_t>(from + t));
        const std::uint64_t positive = group_size == 1 ? at / per_positive : at;
        const std::uint64_t k = group_size == 1 ? at % per_positive : 0;
        const std::uint32_t word = negative_word(std::max<std::uint64_t>(k, 1));
        drawn[static_cast<std::size_t>(t)] = {positive, k, word};
        // Anywhere in the training set: they arrive while the tile's random numbers are drawn.
        cpu::prefetch(set.users + positive, 1);
        cpu::prefetch(set.items + positive, 1);
        for (std::int64_t b = 0; b < blocks; ++b)
          random.set(t * blocks + b, set.first_positive + positive, word + static_cast<std::uint32_t>(b));
      }
      random.draw(count * blocks);
      for (std::int64_t t = 0; t < count; ++t) {
        const Group& group = drawn[static_cast<std::size_t>(t)];
        std::uint32_t* items = out.items.data() + (from + t) * group_size;
        std::uint8_t* labels = out.labels.data() + (from + t) * group_size;
        users[from + t] = set.users[group.positive] + spec.user_row_offset;
        ids[from + t] = (set.first_positive + group.positive) * per_positive + group.k;
        for (std::int64_t j = 0; j < group_size; ++j) {
          const std::uint64_t k = group.k + static_cast<std::uint64_t>(j);
          labels[j] = k == 0;
          if (k == 0) {
            items[j] = set.items[group.positive];
            continue;
          }
          const std::int64_t lane = t * blocks + (negative_word(k) - group.word);
          const std::uint32_t bits = random.word(lane, (k - 1) % 4);
          if (!spec.exact_negatives) {
            items[j] = drawn_item(set.slots, spec.item_count, bits);
            continue;
          }
          const std::uint32_t user = set.users[group.positive], own = training_count(set, user);
          absent.add(set.offsets[user], own, bounded(bits, spec.item_count - own), items[j]);
        }
      }
      absent.find(set.items);
    }
  });
}

}  // namespace neumf::ops
