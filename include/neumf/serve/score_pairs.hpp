// Scoring a stream of pairs on many ranks.
#pragma once

#include <cstdint>

#include "neumf/checkpoint/reader.hpp"
#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/serve/output_file.hpp"
#include "neumf/serve/recommendation_writer.hpp"
#include "neumf/serve/requests.hpp"
#include "neumf/serve/user_rows.hpp"

namespace neumf::serve {

// What rank 0 has and the others lack.
struct PairStreams {
  PairReader& input;
  OutputFile& output;
  OutputFormat format;  // csv (user_id,item_id,score) or jsonl ({"user": "7", "item": "50", "score": 3.2})
  const IdIndex& users;
  const IdIndex& items;
};

// Rank 0 reads pairs and writes them with their scores (logits), in the same order; all ranks share the work.
// `streams` is null on the other ranks. `rows`: where users come from, or null for the checkpoint. Returns
// how many pairs there were. Collective: throws CollectiveError on all ranks if one fails; nothing is
// published then.
template <class Device, class T>
std::uint64_t score_pairs(Context<Device>& context, const Communicator& communicator,
                          CheckpointReader& checkpoint, const PairStreams* streams, UserRows* rows = nullptr);

}  // namespace neumf::serve
