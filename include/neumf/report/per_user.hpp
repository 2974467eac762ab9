// Every user's ranks and metrics in a file, for tests of significance.
//
// CSV: user_id,ranks,hr@10,ndcg@10,recall@10,precision@10,map@10,...,mrr, a line for each user with held-out
// items; ranks are those of the held-out items, from 1, best first, separated by blanks. With --eval full the
// same again with "full_" before the names.
// HDF5: /users [n] ids; /ranks/offsets [n + 1] and /ranks/ranks, a user's being ranks[offsets[u]] to
// ranks[offsets[u + 1] - 1]; /metrics/<name> [n]; with --eval full also /full_ranks/... and
// /metrics/full_<name>.
// evaluate/metrics.hpp has the formulas; map@10 is the user's AP@10 and mrr its RR.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/evaluate/metrics.hpp"

namespace neumf {

// What one rank's users got.
struct PerUserRanks {
  std::vector<std::uint32_t> users;  // dense ids
  const UserRanks* sampled = nullptr;
  const UserRanks* full = nullptr;  // or null
};

// Rank 0 writes what all ranks have, in their order; `user_ids`: original ids by dense id, on rank 0. The
// file appears under its name when it is complete. Throws Error naming the file. Collective.
void write_per_user(const std::filesystem::path& path, const Communicator& communicator,
                    const PerUserRanks& own, const std::vector<int>& topk,
                    const std::vector<std::string>& user_ids);

}  // namespace neumf
