#include "trivial_ranking.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace neumf {
namespace {

// Items that the held-out item of a user of the shard is ranked among.
std::uint64_t competitors(const Shard& shard, std::size_t user, const Options& options, std::int64_t items) {
  if (options.evaluation == Evaluation::full)
    return static_cast<std::uint64_t>(items) - 1 - (shard.offsets[user + 1] - shard.offsets[user]);
  const std::size_t negatives = shard.test_negatives.size() / shard.users.size();
  const auto first = shard.test_negatives.begin() + static_cast<std::ptrdiff_t>(user * negatives);
  std::vector<std::uint32_t> distinct(first, first + static_cast<std::ptrdiff_t>(negatives));
  std::erase(distinct, shard.test_items[user]);
  std::sort(distinct.begin(), distinct.end());
  return static_cast<std::uint64_t>(std::unique(distinct.begin(), distinct.end()) - distinct.begin());
}

}  // namespace

std::string trivial_ranking(const Options& options, const Inputs& inputs, const Communicator& communicator) {
  const Shard& shard = inputs.shard;
  const auto k = static_cast<std::uint64_t>(options.topk);
  std::uint64_t trivial = 0, most = 0;
  for (std::size_t user = 0; user < shard.users.size(); ++user) {
    const std::uint64_t others = competitors(shard, user, options, inputs.shape.items);
    trivial += others < k ? 1 : 0;
    most = std::max(most, others);
  }
  trivial = communicator.sum(trivial);
  most = communicator.max(most);
  const std::uint64_t users = communicator.sum(shard.users.size());
  if (10 * trivial < users) return {};
  return fmt::format(
      "HR@{} is 1 for {} of {} users whatever the model: fewer than {} other items are ranked with their "
      "held-out item (at most {} for any user). Give a smaller --topk",
      options.topk, trivial, users, options.topk, most);
}

}  // namespace neumf
