#include "histories.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <span>
#include <tuple>

#include "neumf/core/error.hpp"
#include "neumf/random/philox.hpp"

namespace neumf::preprocess {
namespace {

constexpr std::uint32_t none = 0xFFFFFFFF;

struct Interaction {
  std::int64_t seconds;
  std::uint32_t nanoseconds;
  std::uint32_t item;
};

bool earlier(const Interaction& a, const Interaction& b) {
  return std::tie(a.seconds, a.nanoseconds) < std::tie(b.seconds, b.nanoseconds);
}

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

// The end of a user's history: the latest row, or without times a drawn one.
struct LastRow {
  bool has_times;
  Philox random;

  std::size_t of(std::span<const Interaction> rows, std::uint32_t user) const {
    if (!has_times) return bounded(random(user, drawn_word)[0], static_cast<std::uint32_t>(rows.size()));
    std::size_t latest = 0;
    for (std::size_t i = 1; i < rows.size(); ++i)
      if (!earlier(rows[i], rows[latest])) latest = i;
    return latest;
  }
  // Of the stream of a user's test negatives, beyond all of them.
  static constexpr std::uint32_t drawn_word = 0xFFFFFFFF;
};

// Of a user's rows in file order, drops those whose item has an earlier one, moves the last to the end, and
// returns how many remain.
class Reducer {
 public:
  Reducer(std::size_t items, const LastRow& last) : last_(last), seen_(items) {}

  std::size_t reduce(std::span<Interaction> rows, std::uint32_t user) {
    bool repeated = false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Seen& seen = seen_[rows[i].item];
      if (seen.user != user) {
        seen = {user, static_cast<std::uint32_t>(i)};
        continue;
      }
      auto later = static_cast<std::uint32_t>(i);
      if (earlier(rows[later], rows[seen.row])) std::swap(seen.row, later);
      rows[later].item = none;
      repeated = true;
    }
    if (repeated) {
      const auto end =
          std::remove_if(rows.begin(), rows.end(), [](const auto& row) { return row.item == none; });
      rows = rows.first(static_cast<std::size_t>(end - rows.begin()));
    }
    std::swap(rows[last_.of(rows, user)], rows.back());
    return rows.size();
  }

 private:
  // The row of the user who was last seen with an item: a map that need not be cleared between users.
  struct Seen {
    std::uint32_t user = none, row = 0;
  };
  const LastRow& last_;
  std::vector<Seen> seen_;
};

}  // namespace

Histories make_histories(Ratings ratings, const HistoryRules& rules, std::size_t threads) {
  const int team = static_cast<int>(threads);
  const Kept kept = keep(ratings, rules);
  const LastRow last{ratings.has_times, Philox(rules.seed, RandomStream::test_negatives)};
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
  std::vector<std::uint64_t> begin(users + 1, 0);
  std::partial_sum(kept.rows.begin(), kept.rows.end(), begin.begin() + 1);
  histories.dropped_users = ratings.users.size() - users;
  histories.dropped_items = ratings.items.size() - kept.items.size();
  histories.dropped_interactions = ratings.rows - begin.back();

  // A counting sort by user. Each thread has users of its own, for whom it reads all ratings: several times
  // faster than to write them, in any order, on one thread. Memory is not cleared, so that each thread is the
  // first to touch its part.
  const auto grouped = std::make_unique_for_overwrite<Interaction[]>(begin.back());
  const auto first_user = [&](std::size_t thread) {  // with nearly as many rows before it as in proportion
    const auto user = std::lower_bound(begin.begin(), begin.end(), begin.back() / threads * thread);
    return thread == threads ? users : static_cast<std::size_t>(user - begin.begin());
  };
  std::vector<std::uint64_t> remaining(users);
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
        if (item != none) grouped[next[user]++] = {rating.seconds, rating.nanoseconds, item};
      }
    }
    Reducer reducer(kept.items.size(), last);
    for (std::uint64_t user = first; user < first + count; ++user)
      remaining[user] = reducer.reduce({&grouped[begin[user]], &grouped[begin[user + 1]]},
                                       static_cast<std::uint32_t>(user));
  }
  ratings = {};
  histories.offsets.resize(users + 1);
  std::partial_sum(remaining.begin(), remaining.end(), histories.offsets.begin() + 1);
  histories.duplicates = begin.back() - histories.offsets.back();
  histories.items.resize(histories.offsets.back());
#pragma omp parallel for num_threads(team)
  for (std::size_t user = 0; user < users; ++user)
    std::transform(&grouped[begin[user]], &grouped[begin[user] + remaining[user]],
                   histories.items.begin() + static_cast<std::ptrdiff_t>(histories.offsets[user]),
                   [](const Interaction& row) { return row.item; });
  return histories;
}

}  // namespace neumf::preprocess
