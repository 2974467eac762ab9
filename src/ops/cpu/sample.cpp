#include "neumf/ops/sample.hpp"

#include "parallel.hpp"

namespace neumf::ops {

template <>
void sample_batch<Cpu>(Context<Cpu>& context, const TrainingSetView& set, const SamplerSpec& spec,
                       const StepState* state, std::uint64_t offset, std::int64_t groups,
                       BatchBuffer<Cpu>& out) {
  const std::uint64_t first = state->position + offset;
  const Permutation shuffle = spec.permutation(set);
  const std::uint32_t per_positive = spec.per_positive();
  const auto group_size = static_cast<std::int64_t>(spec.group_size());
  std::uint32_t* users = out.users.data();
  std::uint32_t* items = out.items.data();
  std::uint64_t* ids = out.ids.data();
  std::uint8_t* labels = out.labels.data();
  cpu::parallel_ranges(context, groups, 256, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      const std::uint64_t drawn = shuffle(first + static_cast<std::uint64_t>(g));
      const std::uint64_t positive = group_size == 1 ? drawn / per_positive : drawn;
      const std::uint64_t k = group_size == 1 ? drawn % per_positive : 0;
      const std::uint64_t id = (set.first_positive + positive) * per_positive + k;
      users[g] = set.users[positive] + spec.user_row_offset;
      ids[g] = id;
      for (std::int64_t j = 0; j < group_size; ++j) {
        const std::uint64_t sample = id + static_cast<std::uint64_t>(j);
        items[g * group_size + j] = sample_item(set, spec, positive, sample);
        labels[g * group_size + j] = sample % per_positive == 0;
      }
    }
  });
}

}  // namespace neumf::ops
