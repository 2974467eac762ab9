// How an epoch's groups are cut into updates, over ranks whose shards differ slightly in size.
#pragma once

#include <cstdint>
#include <vector>

namespace neumf {

// Throws Error unless there is something to train on.
void require_positives(std::uint64_t positives);

// Update t takes the groups [t * groups_per_step, (t + 1) * groups_per_step) of the epoch, the last one what
// is left. Every rank contributes in proportion to the groups that it owns, so all ranks finish the epoch
// together. The last update is left out if it has fewer groups than there are ranks, unless it is the only
// one.
class EpochSchedule {
 public:
  EpochSchedule(std::vector<std::uint64_t> groups_by_rank, std::uint64_t groups_per_step);

  std::uint64_t steps() const { return steps_; }
  // Groups of one update over all ranks, or of one rank.
  std::uint64_t groups(std::uint64_t step) const;
  std::uint64_t groups(std::uint64_t step, int rank) const {
    return first(step + 1, rank) - first(step, rank);
  }
  // The rank's groups before an update.
  std::uint64_t first(std::uint64_t step, int rank) const;
  // The most groups that the rank has in any update.
  std::uint64_t most_groups(int rank) const;
  std::uint64_t total() const { return total_; }
  int ranks() const { return static_cast<int>(owned_.size()); }

 private:
  std::vector<std::uint64_t> owned_;
  std::uint64_t groups_per_step_;
  std::uint64_t total_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace neumf
