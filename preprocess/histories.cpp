#include "histories.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "neumf/core/error.hpp"

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

std::vector<std::uint64_t> rows_per_user(const Ratings& ratings) {
  std::vector<std::uint64_t> counts(ratings.users.size(), 0);
  for (const auto& block : ratings.blocks)
    for (const Rating& rating : block) ++counts[rating.user];
  return counts;
}

// Keeps the first of equal items and returns how many remain. `last_user[item]` is the last user who was seen
// with the item: a set that need not be cleared between users.
std::size_t drop_repeated_items(std::span<Interaction> rows, std::uint32_t user,
                                std::vector<std::uint32_t>& last_user) {
  std::size_t kept = 0;
  for (const Interaction& row : rows) {
    if (last_user[row.item] == user) continue;
    last_user[row.item] = user;
    rows[kept++] = row;
  }
  return kept;
}

}  // namespace

Histories make_histories(Ratings ratings, std::uint64_t min_ratings, std::size_t threads) {
  const int team = static_cast<int>(threads);
  Histories histories;
  histories.interactions = ratings.rows;

  // Users are numbered by first appearance already, and dropping some keeps their order.
  const auto row_counts = rows_per_user(ratings);
  std::vector<std::uint32_t> new_user(row_counts.size(), none), kept_users;
  std::vector<std::uint64_t> begin = {0};
  for (std::uint32_t user = 0; user < row_counts.size(); ++user) {
    if (row_counts[user] < min_ratings) {
      ++histories.dropped_users;
      histories.dropped_interactions += row_counts[user];
      continue;
    }
    new_user[user] = static_cast<std::uint32_t>(kept_users.size());
    kept_users.push_back(user);
    begin.push_back(begin.back() + row_counts[user]);
  }
  require(!kept_users.empty(),
          "no user is left: min_ratings is {} and the most active of {} users has {} ratings; lower "
          "--min_ratings",
          min_ratings, row_counts.size(), *std::max_element(row_counts.begin(), row_counts.end()));

  // A counting sort by user that numbers the items as they appear.
  std::vector<std::uint32_t> new_item(ratings.items.size(), none), kept_items;
  std::vector<Interaction> grouped(begin.back());
  std::vector<std::uint64_t> next(begin.begin(), begin.end() - 1);
  for (auto& block : ratings.blocks) {
    for (const Rating& rating : block) {
      const std::uint32_t user = new_user[rating.user];
      if (user == none) continue;
      std::uint32_t& item = new_item[rating.item];
      if (item == none) {
        item = static_cast<std::uint32_t>(kept_items.size());
        kept_items.push_back(rating.item);
      }
      grouped[next[user]++] = {rating.seconds, rating.nanoseconds, item};
    }
    std::vector<Rating>().swap(block);
  }
  histories.user_ids = ratings.users.select(kept_users);
  histories.item_ids = ratings.items.select(kept_items);

  const std::size_t users = kept_users.size();
  std::vector<std::uint64_t> kept(users);
#pragma omp parallel num_threads(team)
  {
    std::vector<std::uint32_t> last_user(kept_items.size(), none);
#pragma omp for schedule(dynamic, 64)
    for (std::size_t user = 0; user < users; ++user) {
      const std::span<Interaction> rows(grouped.data() + begin[user], begin[user + 1] - begin[user]);
      std::stable_sort(rows.begin(), rows.end(), earlier);
      kept[user] = drop_repeated_items(rows, static_cast<std::uint32_t>(user), last_user);
    }
  }
  histories.offsets.resize(users + 1);
  std::partial_sum(kept.begin(), kept.end(), histories.offsets.begin() + 1);
  histories.duplicates = begin.back() - histories.offsets.back();
  histories.items.resize(histories.offsets.back());
#pragma omp parallel for num_threads(team)
  for (std::size_t user = 0; user < users; ++user)
    for (std::size_t i = 0; i < kept[user]; ++i)
      histories.items[histories.offsets[user] + i] = grouped[begin[user] + i].item;
  return histories;
}

}  // namespace neumf::preprocess
