// Ranking the held-out item of each user among its test negatives.
#pragma once

#include <cstdint>

#include "neumf/core/context.hpp"
#include "neumf/ops/batch.hpp"

namespace neumf::ops {

// ranks[g] = number of the group's distinct negatives scored at least as high as its held-out item (sample 0
// of the group). A negative that repeats an earlier one or equals the held-out item is ignored. Ties, and
// scores that are not numbers, count against the held-out item, so a constant model ranks it last. logits
// [samples], ranks [groups].
template <class Device>
void rank_held_out(Context<Device>& context, const BatchView& batch, const float* logits,
                   std::uint32_t* ranks);

}  // namespace neumf::ops
