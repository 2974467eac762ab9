#include "neumf/ops/sample.hpp"

#include "neumf/core/cuda/team.cuh"

namespace neumf::ops {
namespace {

// A thread per sample. The threads of a group repeat its shuffle, which is cheaper than passing it on, and
// read the same positive, which is one access for the warp.
__global__ void __launch_bounds__(cuda::block_threads)
    sample_kernel(TrainingSetView set, SamplerSpec spec, Permutation shuffle, const StepState* state,
                  std::uint64_t offset, std::int64_t samples, std::uint32_t* __restrict__ users,
                  std::uint32_t* __restrict__ items, std::uint64_t* __restrict__ ids,
                  std::uint8_t* __restrict__ labels) {
  const std::int64_t s = blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x;
  if (s >= samples) return;
  spec.epoch = state->epoch;
  shuffle.draw_keys(spec.seed, spec.epoch, set.first_positive);
  const std::uint32_t per_positive = spec.per_positive(), group_size = spec.group_size();
  // Positions in a block are 32-bit (checked by the caller), which makes the division cheap.
  const std::uint32_t g = static_cast<std::uint32_t>(s) / group_size;
  const std::uint32_t j = static_cast<std::uint32_t>(s) % group_size;
  const std::uint64_t drawn = shuffle(state->position + offset + g);
  const bool grouped = spec.sampling == Sampling::grouped;
  const std::uint64_t positive = grouped ? drawn : drawn / per_positive;
  const std::uint64_t k = grouped ? j : drawn - positive * per_positive;
  const std::uint64_t id = (set.first_positive + positive) * per_positive + k;
  items[s] = sample_item(set, spec, positive, id);
  labels[s] = k == 0;
  if (j == 0) {
    users[g] = set.users[positive] + spec.user_row_offset;
    ids[g] = id;
  }
}

}  // namespace

template <>
void sample_batch<Cuda>(Context<Cuda>& context, const TrainingSetView& set, const SamplerSpec& spec,
                        const StepState* state, std::uint64_t offset, std::int64_t groups,
                        BatchBuffer<Cuda>& out) {
  const std::int64_t samples = groups * spec.group_size();
  if (samples == 0) return;
  require(samples <= context.block_samples(), "a block of {} samples is too large for a GPU: use at most {}",
          samples, context.block_samples());
  sample_kernel<<<cuda::blocks_for(samples, cuda::block_threads), cuda::block_threads, 0, context.stream()>>>(
      set, spec, spec.permutation(set), state, offset, samples, out.users.data(), out.items.data(),
      out.ids.data(), out.labels.data());
  cuda::check_launch("sample_kernel");
}

}  // namespace neumf::ops
