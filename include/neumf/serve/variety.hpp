// How various recommendations are, over the lists of all users.
//   catalogue coverage = share of the catalogue's items that stand in at least one list
//   novelty            = mean over the places of all lists of -log2 p(i), where p(i) is the share of users
//   who
//                        have item i in training (at least one user is counted); in bits: 0 for an item that
//                        everybody has (Zhou et al., PNAS 2010; Vargas and Castells, RecSys 2011)
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace neumf::serve {

class Variety {
 public:
  // `counts`: training interactions of each item, or empty where they are not known; `users`: of the
  // training.
  Variety(std::uint64_t items, std::vector<std::uint64_t> counts, std::uint64_t users);

  // Items of a list; ops::no_item is passed over.
  void add(std::span<const std::uint32_t> list);

  // From 0 to 1.
  double coverage() const {
    return static_cast<double>(different_) / static_cast<double>(recommended_.size());
  }
  // Nothing where no counts are known, or nothing was recommended.
  std::optional<double> novelty() const;

 private:
  std::vector<bool> recommended_;  // by item
  std::vector<double> bits_;       // -log2 p(i), by item; or empty
  std::uint64_t different_ = 0, places_ = 0;
  double sum_ = 0;
};

}  // namespace neumf::serve
