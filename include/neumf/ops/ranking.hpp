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

// Held-out items to rank: items[c] among the scores of row rows[c].
struct CatalogueCases {
  std::int64_t count = 0;
  const std::uint32_t* rows = nullptr;
  const std::uint32_t* items = nullptr;
};

// ranks[c] = number of items that are scored at least as high as items[c], without those that the row's user
// u has seen and items[c] itself. Ties and scores that are not numbers count as above. scores [users, items];
// the items that user u has seen are seen[seen_offsets[u]] to seen[seen_offsets[u + 1] - 1], all different;
// ranks [cases].
template <class Device>
void rank_in_catalogue(Context<Device>& context, Matrix<const float> scores, const CatalogueCases& cases,
                       const std::uint64_t* seen_offsets, const std::uint32_t* seen, std::uint32_t* ranks);

}  // namespace neumf::ops
