// EASE, a linear model of items from items (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data",
// WWW 2019): with X the users' training items,
//   P = (X^T X + regularisation I)^-1,   B = I - P / diag(P) by columns,   scores = X B.
// A dense matrix of items by items is inverted (LAPACK, double precision): memory grows with the square of
// the catalogue, time with its cube.
#pragma once

#include <cstdint>
#include <span>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/data/dataset.hpp"

namespace neumf {

class Ease {
 public:
  // `all`: every user's training items, on every rank. Rank 0 inverts. Collective; throws
  // Error where the memory that the matrices take is not free.
  Ease(Context<Cpu>& context, const Communicator& communicator, const Shard& all, std::uint32_t items,
       double regularisation);

  // scores[i] for every item, given a user's training items.
  void score(std::span<const std::uint32_t> user_items, std::span<float> scores) const;

 private:
  Tensor<float, Cpu> weights_;  // [items, items]
};

}  // namespace neumf
