// Recommending to many users on many ranks.
#pragma once

#include <cstdint>
#include <optional>

#include "neumf/checkpoint/reader.hpp"
#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/serve/item_filter.hpp"
#include "neumf/serve/popularity.hpp"
#include "neumf/serve/recommendation_writer.hpp"
#include "neumf/serve/requests.hpp"
#include "neumf/serve/user_rows.hpp"

namespace neumf::serve {

struct RecommendationRequest {
  UserList users;
  UserRows* rows = nullptr;            // where users come from; null: the checkpoint
  std::int64_t users_at_once = 0;      // that a rank takes; 0: chosen here
  std::int64_t topk = 10;              // at most the catalogue's size
  const ItemFilter* filter = nullptr;  // or null: everything may be recommended
  Popularity popularity;               // for unknown users, where there are any
};

// Times on rank 0, in seconds.
struct ServingTimes {
  double loading = 0;  // weights and item halves
  double serving = 0;  // all the rest
};

// What was written. Variety is that of serve/variety.hpp.
struct RecommendationCounts {
  std::uint64_t items = 0;        // in all lists
  std::uint64_t short_lists = 0;  // of fewer than K items
  std::uint64_t empty_lists = 0;  // among those
  double coverage = 0;            // of the catalogue
  std::optional<double> novelty;  // where the checkpoint has each item's training interactions
};

struct RecommendationOutcome {
  ServingTimes times;
  RecommendationCounts counts;  // on rank 0
};

// Ranks take blocks of users in turn; rank 0 passes their rankings to `writer` (null on the others) in the
// order of the request and publishes. No rank holds more than a block, and rank 0 one more. Collective:
// throws CollectiveError on all ranks if one fails.
template <class Device, class T>
RecommendationOutcome recommend_users(Context<Device>& context, const Communicator& communicator,
                                      CheckpointReader& checkpoint, const RecommendationRequest& request,
                                      RecommendationWriter* writer);

}  // namespace neumf::serve
