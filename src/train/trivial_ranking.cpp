#include "trivial_ranking.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "neumf/evaluate/ranking_cases.hpp"

namespace neumf {
namespace {

// Items that the held-out items of a case are ranked among. `left_out`: memory to work in.
std::uint64_t competitors(const RankingCases& cases, std::size_t c, const Options& options,
                          std::int64_t items, std::vector<std::uint32_t>& left_out) {
  if (options.evaluation != Evaluation::full) return cases.negatives(c).size();
  cases.left_out(c, left_out);
  return static_cast<std::uint64_t>(items) - left_out.size();
}

}  // namespace

std::string trivial_ranking(const Options& options, const Inputs& inputs, const Communicator& communicator) {
  const RankingCases cases(inputs.shard, inputs.selection());
  std::vector<std::uint32_t> left_out;
  const auto k = static_cast<std::uint64_t>(options.topk);
  std::uint64_t trivial = 0, most = 0;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const std::uint64_t others = competitors(cases, c, options, inputs.shape.items, left_out);
    trivial += others < k ? 1 : 0;
    most = std::max(most, others);
  }
  trivial = communicator.sum(trivial);
  most = communicator.max(most);
  const std::uint64_t users = communicator.sum(cases.size());
  if (10 * trivial < users) return {};
  return fmt::format(
      "HR@{} is 1 for {} of {} users whatever the model: fewer than {} other items are ranked with their "
      "held-out items (at most {} for any user). Give a smaller --topk",
      options.topk, trivial, users, options.topk, most);
}

}  // namespace neumf
