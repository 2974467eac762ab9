#include "histories.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <span>

#include "neumf/core/error.hpp"

namespace neumf::preprocess {
namespace {

constexpr std::uint32_t none = 0xFFFFFFFF;

// The users and items that stay, under their new ids.
struct Kept {
  std::vector<std::uint32_t> new_user, new_item;  // by old id; `none` where it goes
  std::vector<std::uint32_t> users, items;        // old ids by new id
  std::vector<std::uint64_t> rows;                // by new user
};

// Rows of users and items that are left when those with too few have gone, again and again; 0 where one went.
struct Counts {
  std::vector<std::uint64_t> users, items;
};

Counts count_until_stable(const Ratings& ratings, const HistoryRules& rules) {
  Counts counts{ratings.user_rows, std::vector<std::uint64_t>(ratings.items.size(), 0)};
  for (const auto& block : ratings.blocks)
    for (const Rating& rating : block) ++counts.items[rating.item];
  const auto drop = [](std::vector<std::uint64_t>& rows, std::uint64_t least) {
    bool dropped = false;
    for (auto& count : rows) {
      if (count == 0 || count >= least) continue;
      count = 0;
      dropped = true;
    }
    return dropped;
  };
  for (;;) {
    const bool users = drop(counts.users, rules.min_ratings);
    if (const bool items = drop(counts.items, rules.min_item_ratings); !users && !items) return counts;
    Counts next{std::vector<std::uint64_t>(counts.users.size(), 0),
                std::vector<std::uint64_t>(counts.items.size(), 0)};
    for (const auto& block : ratings.blocks) {
      for (const Rating& rating : block) {
        if (counts.users[rating.user] == 0 || counts.items[rating.item] == 0) continue;
        ++next.users[rating.user];
        ++next.items[rating.item];
      }
    }
    counts = std::move(next);
  }
}

// Where items go as well, users may first appear in another order than among all rows.
Kept keep_users_and_items(const Ratings& ratings, const HistoryRules& rules) {
  const Counts counts = count_until_stable(ratings, rules);
  Kept kept;
  kept.new_user.assign(ratings.users.size(), none);
  kept.new_item.assign(ratings.items.size(), none);
  for (const auto& block : ratings.blocks) {
    for (const Rating& rating : block) {
      if (counts.users[rating.user] == 0 || counts.items[rating.item] == 0) continue;
      if (kept.new_user[rating.user] == none) {
        kept.new_user[rating.user] = static_cast<std::uint32_t>(kept.users.size());
        kept.users.push_back(rating.user);
        kept.rows.push_back(counts.users[rating.user]);
      }
      if (kept.new_item[rating.item] == none) {
        kept.new_item[rating.item] = static_cast<std::uint32_t>(kept.items.size());
        kept.items.push_back(rating.item);
      }
    }
  }
  return kept;
}

// Users are numbered by first appearance already, and dropping some keeps their order. Items that only
// dropped users have go as well.
Kept keep(const Ratings& ratings, const HistoryRules& rules) {
  if (rules.min_item_ratings > 1) return keep_users_and_items(ratings, rules);
  Kept kept;
  kept.new_user.assign(ratings.users.size(), none);
  for (std::uint32_t user = 0; user < kept.new_user.size(); ++user) {
    if (ratings.user_rows[user] < rules.min_ratings) continue;
    kept.new_user[user] = static_cast<std::uint32_t>(kept.users.size());
    kept.users.push_back(user);
    kept.rows.push_back(ratings.user_rows[user]);
  }
  kept.new_item.assign(ratings.items.size(), none);
  const auto keep_item = [&](std::uint32_t item) {
    kept.new_item[item] = static_cast<std::uint32_t>(kept.items.size());
    kept.items.push_back(item);
  };
  if (kept.users.size() == kept.new_user.size()) {
    for (std::uint32_t item = 0; item < kept.new_item.size(); ++item) keep_item(item);
    return kept;
  }
  for (const auto& block : ratings.blocks)
    for (const Rating& rating : block)
      if (kept.new_user[rating.user] != none && kept.new_item[rating.item] == none) keep_item(rating.item);
  return kept;
}

// Of a user's rows in file order, drops those whose item has an earlier one, and returns how many remain.
class Reducer {
 public:
  explicit Reducer(std::size_t items) : seen_(items) {}

  std::size_t reduce(std::span<Interaction> rows, std::uint32_t user) {
    bool repeated = false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Seen& seen = seen_[rows[i].item];
      if (seen.user != user) {
        seen = {user, static_cast<std::uint32_t>(i)};
        continue;
      }
      auto later = static_cast<std::uint32_t>(i);
      if (rows[later].time() < rows[seen.row].time()) std::swap(seen.row, later);
      rows[later].item = none;
      repeated = true;
    }
    if (repeated) {
      const auto end =
          std::remove_if(rows.begin(), rows.end(), [](const auto& row) { return row.item == none; });
      rows = rows.first(static_cast<std::size_t>(end - rows.begin()));
    }
    return rows.size();
  }

 private:
  // The row of the user who was last seen with an item: a map that need not be cleared between users.
  struct Seen {
    std::uint32_t user = none, row = 0;
  };
  std::vector<Seen> seen_;
};

// Everybody's rows, by user: those that remain, and what of them is held out.
struct GroupedRows {
  std::unique_ptr<Interaction[]> rows;
  std::vector<std::uint64_t> begin;      // where each user's are
  std::vector<std::uint64_t> remaining;  // of each user
  std::vector<HeldOutCounts> held_out;

  std::size_t users() const { return remaining.size(); }
  // Without those that are held out already.
  std::span<Interaction> left(std::size_t user) const {
    return {&rows[begin[user]], remaining[user] - held_out[user].test - held_out[user].validation};
  }
};

// The latest share of all rows that are left: where it begins.
Time cut_of(const GroupedRows& grouped, double share, HeldOutPart part) {
  std::vector<Time> times;
  for (std::size_t user = 0; user < grouped.users(); ++user)
    for (const Interaction& row : grouped.left(user)) times.push_back(row.time());
  return time_of_cut(times, share, part);
}

// The rules where at least one is by time, and so looks at everybody's rows. Returns the cuts.
HeldOutCuts hold_out_by_time(GroupedRows& grouped, HoldOuts& hold_outs, int team) {
  HeldOutCuts cuts;
  const auto take = [&](HeldOutPart part, const HoldOutRule& rule, std::optional<Time>& cut,
                        std::uint32_t HeldOutCounts::*count) {
    if (rule.kind == HoldOut::time) {
      cut = cut_of(grouped, rule.share, part);
      hold_outs.set_cut(part, *cut);
    }
#pragma omp parallel for num_threads(team) schedule(dynamic, 256)
    for (std::size_t user = 0; user < grouped.users(); ++user)
      if (const auto rows = grouped.left(user); !rows.empty())
        grouped.held_out[user].*count = hold_outs.take(part, rows, static_cast<std::uint32_t>(user));
  };
  take(HeldOutPart::test, hold_outs.rules().test, cuts.test, &HeldOutCounts::test);
  take(HeldOutPart::validation, hold_outs.rules().validation, cuts.validation, &HeldOutCounts::validation);
  return cuts;
}

}  // namespace

Histories make_histories(Ratings ratings, const HistoryRules& rules, std::size_t threads) {
  const int team = static_cast<int>(threads);
  const Kept kept = keep(ratings, rules);
  HoldOuts hold_outs(rules.hold_out, ratings.has_times, rules.seed);
  const std::size_t users = kept.users.size();
  require(users > 0,
          "no user is left: min_ratings is {}{} and the most active of {} users has {} ratings; lower "
          "--min_ratings{}",
          rules.min_ratings,
          rules.min_item_ratings > 1 ? fmt::format(", min_item_ratings {},", rules.min_item_ratings) : "",
          ratings.users.size(), *std::max_element(ratings.user_rows.begin(), ratings.user_rows.end()),
          rules.min_item_ratings > 1 ? ", --min_item_ratings or --core" : "");
  Histories histories;
  histories.interactions = ratings.rows;
  histories.user_ids = ratings.users.select(kept.users);
  histories.item_ids = ratings.items.select(kept.items);
  GroupedRows grouped;
  std::vector<std::uint64_t>& begin = grouped.begin;
  begin.assign(users + 1, 0);
  std::partial_sum(kept.rows.begin(), kept.rows.end(), begin.begin() + 1);
  histories.dropped_users = ratings.users.size() - users;
  histories.dropped_items = ratings.items.size() - kept.items.size();
  histories.dropped_interactions = ratings.rows - begin.back();

  // A counting sort by user. Each thread has users of its own, for whom it reads all ratings: several times
  // faster than to write them, in any order, on one thread. Memory is not cleared, so that each thread is the
  // first to touch its part.
  grouped.rows = std::make_unique_for_overwrite<Interaction[]>(begin.back());
  const auto first_user = [&](std::size_t thread) {  // with nearly as many rows before it as in proportion
    const auto user = std::lower_bound(begin.begin(), begin.end(), begin.back() / threads * thread);
    return thread == threads ? users : static_cast<std::size_t>(user - begin.begin());
  };
  std::vector<std::uint64_t>& remaining = grouped.remaining;
  remaining.resize(users);
  grouped.held_out.resize(users);
#pragma omp parallel for num_threads(team) schedule(static, 1)
  for (std::size_t thread = 0; thread < threads; ++thread) {
    const std::uint64_t first = first_user(thread), count = first_user(thread + 1) - first;
    std::vector<std::uint64_t> next(begin.begin() + static_cast<std::ptrdiff_t>(first),
                                    begin.begin() + static_cast<std::ptrdiff_t>(first + count));
    for (const auto& block : ratings.blocks) {
      for (const Rating& rating : block) {
        const std::uint64_t user = kept.new_user[rating.user] - first;  // beyond `count` where not its own
        if (user >= count) continue;
        const std::uint32_t item = kept.new_item[rating.item];
        if (item != none) grouped.rows[next[user]++] = {rating.seconds, rating.nanoseconds, item};
      }
    }
    Reducer reducer(kept.items.size());
    for (std::uint64_t user = first; user < first + count; ++user) {
      const auto id = static_cast<std::uint32_t>(user);
      const std::span rows(&grouped.rows[begin[user]], &grouped.rows[begin[user + 1]]);
      remaining[user] = reducer.reduce(rows, id);
      if (!rules.hold_out.by_time()) grouped.held_out[user] = hold_outs.take(rows.first(remaining[user]), id);
    }
  }
  ratings = {};
  if (rules.hold_out.by_time()) histories.cuts = hold_out_by_time(grouped, hold_outs, team);
  histories.offsets.resize(users + 1);
  std::partial_sum(remaining.begin(), remaining.end(), histories.offsets.begin() + 1);
  histories.duplicates = begin.back() - histories.offsets.back();
  histories.items.resize(histories.offsets.back());
#pragma omp parallel for num_threads(team)
  for (std::size_t user = 0; user < users; ++user)
    std::transform(&grouped.rows[begin[user]], &grouped.rows[begin[user] + remaining[user]],
                   histories.items.begin() + static_cast<std::ptrdiff_t>(histories.offsets[user]),
                   [](const Interaction& row) { return row.item; });
  histories.held_out = std::move(grouped.held_out);
  if (rules.hold_out.by_time()) drop_untrained(histories);
  return histories;
}

void drop_untrained(Histories& histories) {
  // By old id: whether somebody has the item in training, then its new id.
  std::vector<std::uint32_t> new_item(histories.item_count(), none);
  for (std::size_t user = 0; user < histories.users(); ++user)
    for (const std::uint32_t item : histories.training(user)) new_item[item] = 0;
  std::vector<std::uint32_t> users, items;
  for (std::uint32_t item = 0; item < new_item.size(); ++item) {
    if (new_item[item] == none) continue;
    new_item[item] = static_cast<std::uint32_t>(items.size());
    items.push_back(item);
  }
  Histories kept;
  for (std::uint32_t user = 0; user < histories.users(); ++user) {
    const auto all = histories.of(user);
    if (histories.training(user).empty()) {
      kept.untrained_interactions += all.size();
      continue;
    }
    const HeldOutCounts before = histories.held_out[user];
    HeldOutCounts after;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (new_item[all[i]] == none) continue;
      kept.items.push_back(new_item[all[i]]);
      if (i >= all.size() - before.test)
        ++after.test;
      else if (i >= all.size() - before.test - before.validation)
        ++after.validation;
    }
    kept.untrained_interactions += all.size() - (kept.items.size() - kept.offsets.back());
    kept.offsets.push_back(kept.items.size());
    kept.held_out.push_back(after);
    users.push_back(user);
  }
  kept.untrained_users = histories.users() - users.size();
  kept.untrained_items = histories.item_count() - items.size();
  kept.user_ids = select(histories.user_ids, users);
  kept.item_ids = select(histories.item_ids, items);
  kept.interactions = histories.interactions;
  kept.dropped_users = histories.dropped_users;
  kept.dropped_items = histories.dropped_items;
  kept.dropped_interactions = histories.dropped_interactions;
  kept.duplicates = histories.duplicates;
  kept.cuts = histories.cuts;
  histories = std::move(kept);
}

}  // namespace neumf::preprocess
