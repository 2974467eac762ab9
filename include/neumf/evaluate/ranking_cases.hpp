// What an evaluation ranks: the held-out items of users, and what these compete with.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neumf/data/dataset.hpp"

namespace neumf {

// Lists of items, one after the other.
struct ItemsByUser {
  std::vector<std::uint64_t> offsets = {0};
  std::vector<std::uint32_t> items;

  std::size_t users() const { return offsets.size() - 1; }
  std::span<const std::uint32_t> of(std::size_t user) const {
    return std::span(items).subspan(offsets[user], offsets[user + 1] - offsets[user]);
  }
};

// The users of a shard who have something held out; the others do not count.
class RankingCases {
 public:
  RankingCases(const Shard& shard, HeldOutPart part);

  std::size_t size() const { return users_.size(); }
  // Of the shard, from 0.
  const std::vector<std::uint32_t>& users() const { return users_; }
  const ItemsByUser& held_out() const { return held_out_; }
  // Whether every user has one item held out: the negatives may then be ranked as they are stored.
  bool one_each() const { return one_each_; }
  // How many are stored for each user, and those of the case, which may repeat and equal a held-out item.
  std::size_t negatives_per_user() const;
  std::span<const std::uint32_t> stored_negatives(std::size_t c) const;
  // Each once, ascending, without the user's held-out items.
  std::vector<std::uint32_t> negatives(std::size_t c) const;
  // What does not compete in the catalogue: the user's training items, before the test also those of
  // validation, and the held-out items themselves. Each once, ascending.
  ItemsByUser left_out() const;
  // The same of one case, in place of what `items` holds.
  void left_out(std::size_t c, std::vector<std::uint32_t>& items) const;

 private:
  const HeldOut& source() const { return part_ == HeldOutPart::test ? shard_.test : shard_.valid; }

  const Shard& shard_;  // must outlive this
  HeldOutPart part_;
  std::vector<std::uint32_t> users_;
  ItemsByUser held_out_;
  bool one_each_ = true;
};

}  // namespace neumf
