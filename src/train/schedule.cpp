#include "neumf/train/schedule.hpp"

#include <algorithm>
#include <numeric>

#include "neumf/core/error.hpp"

namespace neumf {

void require_positives(std::uint64_t positives) {
  require(positives > 0, "the data set has no training interactions: every user has only its held-out item");
}

EpochSchedule::EpochSchedule(std::vector<std::uint64_t> groups_by_rank, std::uint64_t groups_per_step)
    : owned_(std::move(groups_by_rank)),
      groups_per_step_(std::max<std::uint64_t>(groups_per_step, 1)),
      total_(std::accumulate(owned_.begin(), owned_.end(), std::uint64_t{0})) {
  require_positives(total_);
  steps_ = (total_ + groups_per_step_ - 1) / groups_per_step_;
  const std::uint64_t rest = total_ - (steps_ - 1) * groups_per_step_;
  if (steps_ > 1 && rest < owned_.size()) --steps_;
}

std::uint64_t EpochSchedule::first(std::uint64_t step, int rank) const {
  const std::uint64_t before = std::min(step * groups_per_step_, total_);
  // The product needs more than 64 bits on the largest data sets.
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>(Wide{before} * owned_[static_cast<std::size_t>(rank)] / total_);
}

std::uint64_t EpochSchedule::groups(std::uint64_t step) const {
  std::uint64_t sum = 0;
  for (std::size_t rank = 0; rank < owned_.size(); ++rank) sum += groups(step, static_cast<int>(rank));
  return sum;
}

std::uint64_t EpochSchedule::most_groups(int rank) const {
  // A share's boundaries are rounded down: at most one more than the exact share.
  const std::uint64_t owned = owned_[static_cast<std::size_t>(rank)];
  __extension__ using Wide = unsigned __int128;
  const auto share = static_cast<std::uint64_t>(Wide{std::min(groups_per_step_, total_)} * owned / total_);
  return std::min(owned, share + 1);
}

}  // namespace neumf
