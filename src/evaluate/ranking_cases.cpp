#include "neumf/evaluate/ranking_cases.hpp"

#include <algorithm>

namespace neumf {

RankingCases::RankingCases(const Shard& shard, HeldOutPart part) : shard_(shard), part_(part) {
  const HeldOut& all = source();
  for (std::size_t user = 0; user < all.users(); ++user) {
    const auto own = all.of(user);
    if (own.empty()) continue;
    users_.push_back(static_cast<std::uint32_t>(user));
    held_out_.items.insert(held_out_.items.end(), own.begin(), own.end());
    held_out_.offsets.push_back(held_out_.items.size());
    one_each_ = one_each_ && own.size() == 1;
  }
}

std::size_t RankingCases::negatives_per_user() const {
  return source().users() == 0 ? 0 : source().negatives.size() / source().users();
}

std::span<const std::uint32_t> RankingCases::stored_negatives(std::size_t c) const {
  return source().negatives_of(users_[c]);
}

std::vector<std::uint32_t> RankingCases::negatives(std::size_t c) const {
  const auto stored = stored_negatives(c), own = held_out_.of(c);
  std::vector<std::uint32_t> distinct(stored.begin(), stored.end());
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::erase_if(distinct,
                [&](std::uint32_t item) { return std::find(own.begin(), own.end(), item) != own.end(); });
  return distinct;
}

void RankingCases::left_out(std::size_t c, std::vector<std::uint32_t>& items) const {
  items.clear();
  const auto add = [&](std::span<const std::uint32_t> more) {
    items.insert(items.end(), more.begin(), more.end());
  };
  add(shard_.training(users_[c]));
  if (part_ == HeldOutPart::test && shard_.valid.users() > 0) add(shard_.valid.of(users_[c]));
  add(held_out_.of(c));
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

ItemsByUser RankingCases::left_out() const {
  ItemsByUser lists;
  std::vector<std::uint32_t> items;
  for (std::size_t c = 0; c < size(); ++c) {
    left_out(c, items);
    lists.items.insert(lists.items.end(), items.begin(), items.end());
    lists.offsets.push_back(lists.items.size());
  }
  return lists;
}

}  // namespace neumf
