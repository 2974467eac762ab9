// Item-based collaborative filtering (Sarwar et al., "Item-Based Collaborative Filtering Recommendation
// Algorithms", WWW 2001) on implicit feedback:
//   similarity(i, j) = users who have both / sqrt(users who have i * users who have j)
//   score(u, i)      = sum of similarity(i, j) over the items j of u that are among i's nearest neighbours
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/data/dataset.hpp"

namespace neumf {

class ItemKnn {
 public:
  // `all`: every user's training items, on every rank; the ranks share the work. Of equally similar items the
  // lower numbers are neighbours. Collective.
  ItemKnn(Context<Cpu>& context, const Communicator& communicator, const Shard& all, std::uint32_t items,
          std::uint32_t neighbours);

  // scores[i] for every item, given a user's training items.
  void score(std::span<const std::uint32_t> user_items, std::span<float> scores) const;

 private:
  struct Neighbour {
    std::uint32_t item;
    float similarity;
  };
  // By item j: the items that have j among their neighbours.
  std::vector<std::uint64_t> offsets_;
  std::vector<Neighbour> neighbour_of_;
};

}  // namespace neumf
