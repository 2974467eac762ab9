#include "summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "negatives.hpp"
#include "neumf/core/with_commas.hpp"
#include "neumf/data/layout.hpp"
#include "reading_report.hpp"

namespace neumf::preprocess {
namespace {

// What would make training or its figures worth little.
std::string warnings(const Split& split) {
  std::string text;
  const auto warn = [&](const std::string& warning) { text += "warning: " + warning + "\n"; };
  const std::uint64_t users = split.users(), positives = split.train_items.size(), items = split.items();
  const auto without = static_cast<std::uint64_t>(std::count(split.counts.begin(), split.counts.end(), 0u));
  if (positives == 0)
    warn("no training interactions are left: every user has one item only, and it is held out");
  else if (without > 0)
    warn(fmt::format("{} of {} users are without training interactions: all that they have is held out",
                     with_commas(without), with_commas(users)));
  constexpr std::uint64_t usual_topk = 10;
  if (items <= usual_topk)
    warn(fmt::format(
        "there are only {0} items, so every held-out item is among the first {1}: HR@{1} tells nothing",
        items, usual_topk));
  // The chance that an item drawn for a positive is one that its user has.
  double chance = 0;
  for (const std::uint32_t count : split.counts) chance += double(count) * double(count) / double(items);
  if (positives > 0 && chance / static_cast<double>(positives) > 0.5)
    warn(
        fmt::format("{:.0f} % of sampled negatives would be items that their user has: train with "
                    "--exact_negatives",
                    100 * chance / static_cast<double>(positives)));
  if (const auto count = users_without_negatives(split); count > 0)
    warn(fmt::format("{} users have every other item in training, so their test always succeeds",
                     with_commas(count)));
  std::uint64_t leaked = 0;
  for (std::size_t user = 0; user < split.test.users(); ++user)
    for (const std::uint32_t item : split.test.of(user))
      leaked += std::ranges::binary_search(split.training(user), item) ? 1 : 0;
  if (leaked > 0)
    warn(fmt::format("{} test items are in their user's training as well, so models have seen them",
                     with_commas(leaked)));
  std::vector<bool> trained(items, false);
  for (const std::uint32_t item : split.train_items) trained[item] = true;
  const auto unknown = std::count_if(split.test.items.begin(), split.test.items.end(),
                                     [&](std::uint32_t item) { return !trained[item]; });
  if (positives > 0 && unknown > 0)
    text +=
        fmt::format("note: {} of {} test items are items that nobody has in training\n",
                    with_commas(static_cast<std::uint64_t>(unknown)), with_commas(split.test.items.size()));
  return text;
}

std::string dropped(const Options& options, const Split& split) {
  std::string text;
  if (split.dropped_users > 0)
    text += fmt::format("dropped {} users with fewer than {} ratings ({} interactions)\n",
                        with_commas(split.dropped_users), options.least_ratings(),
                        with_commas(split.dropped_interactions));
  const std::uint64_t least = options.core.value_or(options.min_item_ratings);
  if (least > 1)
    text +=
        fmt::format("dropped {} items with fewer than {} ratings, again and again until all have enough\n",
                    with_commas(split.dropped_items), least);
  if (split.duplicates > 0)
    text += fmt::format("dropped {} repeated interactions\n", with_commas(split.duplicates));
  if (split.repeated_held_out > 0)
    text += fmt::format(
        "dropped {} held-out interactions with items that their users have in training (or validation) "
        "already\n",
        with_commas(split.repeated_held_out));
  if (split.untrained_interactions > 0)
    text +=
        fmt::format("left out {} users and {} items that appear only after training ends ({} interactions)\n",
                    with_commas(split.untrained_users), with_commas(split.untrained_items),
                    with_commas(split.untrained_interactions));
  return text;
}

// "held out for the test: 6,040 items of 6,040 users (latest)"
std::string held_out(const char* purpose, const HeldOut& items, const std::string& how) {
  std::uint64_t users = 0;
  for (std::size_t user = 0; user < items.users(); ++user) users += items.of(user).empty() ? 0 : 1;
  std::string text = fmt::format("held out for the {}: {} items of {} users ({})\n", purpose,
                                 with_commas(items.items.size()), with_commas(users), how);
  if (users < items.users())
    text += fmt::format("  {} users have nothing held out there, and do not count in it\n",
                        with_commas(items.users() - users));
  return text;
}

}  // namespace

std::string summary(const Options& options, const Prepared& prepared, double seconds) {
  const Split& split = prepared.split;
  std::string text = prepared.reading;
  text += fmt::format("users {}  items {}  interactions {}  training positives {}\n",
                      with_commas(split.users()), with_commas(split.items()), with_commas(split.interactions),
                      with_commas(split.train_items.size()));
  text += held_out("test", split.test, prepared.provenance.held_out);
  if (split.has_validation()) text += held_out("validation", split.valid, prepared.provenance.validation);
  text += dropped(options, split) + warnings(split);
  const std::string last = layout::shard_file(options.shards - 1, options.shards);
  text += fmt::format("wrote {} and {} ({})\n", (options.output / layout::dataset_file).string(),
                      options.shards == 1 ? last : layout::shard_file(0, options.shards) + " to " + last,
                      "data set " + dataset_id(prepared.provenance));
  text += fmt::format("{:.2f} s, {:.2f} M interactions/s\n", seconds,
                      static_cast<double>(split.interactions) / seconds / 1e6);
  return text;
}

}  // namespace neumf::preprocess
