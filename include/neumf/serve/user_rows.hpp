// Where the embeddings of users come from that are no rows of the checkpoint's.
#pragma once

#include <cstdint>
#include <span>

namespace neumf::serve {

class UserRows {
 public:
  virtual ~UserRows() = default;
  // Row i of gmf [users, factors] and of mlp [users, layers[0] / 2] becomes that of user users[i].
  virtual void read(std::span<const std::uint32_t> users, std::span<float> gmf, std::span<float> mlp) = 0;
};

}  // namespace neumf::serve
