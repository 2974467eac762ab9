// Ranking the held-out item of each user among its test negatives, or in the whole catalogue.
#pragma once

#include <cstdint>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/ops/batch.hpp"

namespace neumf::ops {

// ranks[g] = number of the group's distinct negatives scored at least as high as its held-out item (sample 0
// of the group). A negative that repeats an earlier one or equals the held-out item is ignored. Ties, and
// scores that are not numbers, count against the held-out item, so a constant model ranks it last. logits
// [samples], ranks [groups].
template <class Device>
void rank_held_out(Context<Device>& context, const BatchView& batch, const float* logits,
                   std::uint32_t* ranks);

// ranks[u] = number of items scored at least as high as held_out[u], without those that user u has seen and
// held_out[u] itself. Ties and scores that are not numbers count as above. scores [users, items]; the items
// that user u has seen are seen[seen_offsets[u]] to seen[seen_offsets[u + 1] - 1], all different; held_out
// and ranks [users].
template <class Device>
void rank_in_catalogue(Context<Device>& context, Matrix<const float> scores, const std::uint32_t* held_out,
                       const std::uint64_t* seen_offsets, const std::uint32_t* seen, std::uint32_t* ranks);

}  // namespace neumf::ops
