// What happened before what. Work that is ordered by a stream forms a strand; a vector clock holds, for each
// strand, how much of it comes before.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace neumf::simulation {

class VectorClock {
 public:
  std::uint32_t of(std::uint32_t strand) const { return strand < ticks_.size() ? ticks_[strand] : 0; }
  void set(std::uint32_t strand, std::uint32_t tick) {
    if (strand >= ticks_.size()) ticks_.resize(strand + 1);
    ticks_[strand] = std::max(ticks_[strand], tick);
  }
  void join(const VectorClock& other) {
    if (other.ticks_.size() > ticks_.size()) ticks_.resize(other.ticks_.size());
    for (std::size_t i = 0; i < other.ticks_.size(); ++i) ticks_[i] = std::max(ticks_[i], other.ticks_[i]);
  }

 private:
  std::vector<std::uint32_t> ticks_;
};

// A place in a strand, and all that comes before it.
struct Moment {
  std::uint32_t strand = 0, tick = 0;
  VectorClock before;
};

}  // namespace neumf::simulation
