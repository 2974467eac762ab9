// Matrix factorisation of implicit feedback by alternating least squares (Hu, Koren and Volinsky,
// "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008): user and item vectors that minimise
//   sum over all pairs of c_ui (r_ui - x_u . y_i)^2 + sum l2_u |x_u|^2 + sum l2_i |y_i|^2,
// with r_ui = 1 and c_ui = 1 + alpha for what a user has in training, else r_ui = 0 and c_ui = 1. A vector's
// L2 is l2_u = regularisation (sum over i of c_ui)^regularisation_power, and l2_i likewise; Hu's power is 0,
// that of Rendle et al. (RecSys 2022) about 1. How a row is solved: nn/least_squares.hpp.
#pragma once

#include <cstdint>
#include <span>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/data/dataset.hpp"

namespace neumf {

struct AlsSpec {
  std::int64_t factors = 64;
  float regularisation = 0.01f;
  float regularisation_power = 0;
  float alpha = 1.0f;
  int iterations = 15;  // each moves all users, then all items
  int steps = 3;        // of conjugate gradients
  std::uint64_t seed = 1;
};

class Als {
 public:
  // `all`: every user's training items, on every rank; the ranks share the work. The result does not depend
  // on ranks and threads. Collective.
  Als(Context<Cpu>& context, const Communicator& communicator, const Shard& all, std::uint32_t items,
      const AlsSpec& spec);

  // scores[i] = x_user . y_i for every item.
  void score(std::uint64_t user, std::span<float> scores) const;

  Matrix<const float> users() const { return users_.matrix(); }
  Matrix<const float> items() const { return items_.matrix(); }

 private:
  Tensor<float, Cpu> users_, items_;  // [users, factors], [items, factors]
};

}  // namespace neumf
