// The model that the operations make together, NeuMF (He et al., "Neural Collaborative Filtering", WWW 2017,
// eq. 8-12), sample by sample:
//   x_0 = dropout(relu(W_user P_u + W_item Q_i + b_0));   x_l = dropout(relu(W_l x_(l-1) + b_l))
//   z = b + sum_k w_k p_uk q_ik + sum_k w'_k x_Lk
//   loss = sum over samples of l(z, y), see head.hpp
// Its gradients are what the backward operations add up to; tests take them from differences of the loss.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "activation.hpp"
#include "array.hpp"
#include "head.hpp"
#include "neumf/ops/model_weights.hpp"
#include "traffic.hpp"

namespace neumf::reference {

// Vectors have one row, as in nn/parameters.hpp; a branch that the model lacks has no columns.
struct Model : LayerWeights<Array>, EmbeddingTables<Array> {
  // All of them, the layers' first.
  std::vector<Array*> arrays() {
    std::vector<Array*> all;
    visit_layers([&](const Array& array) { all.push_back(const_cast<Array*>(&array)); });
    all.insert(all.end(), {&item_gmf, &item_mlp, &user_gmf, &user_mlp});
    return all;
  }
};

// The logit of a user and an item. `dropout` drops units of sample `id`; its layer is set here. `margin`,
// where given, becomes the smallest distance of a unit from the kink of its ReLU, if that is smaller.
inline double logit(const Model& p, Index user, Index item, Dropout dropout, std::uint64_t id,
                    double* margin = nullptr) {
  const auto activate_layer = [&](Array z, std::uint32_t number) {
    dropout.layer = number;
    for (Index k = 0; k < z.size(); ++k) {
      if (margin != nullptr) *margin = std::min(*margin, std::fabs(z(k)));
      z(k) = activated(dropout, id, k, z(k));
    }
    return z;
  };
  Array x(p.pair_bias.size());
  for (Index j = 0; j < x.size(); ++j) {
    x(j) = p.pair_bias.values[static_cast<std::size_t>(j)];
    for (Index k = 0; k < p.pair_user.cols; ++k)
      x(j) += p.pair_user(j, k) * p.user_mlp(user, k) + p.pair_item(j, k) * p.item_mlp(item, k);
  }
  x = activate_layer(x, 0);
  for (std::size_t l = 0; l < p.hidden_weight.size(); ++l) {
    const Array &weight = p.hidden_weight[l], &bias = p.hidden_bias[l];
    Array next(weight.rows);
    for (Index j = 0; j < weight.rows; ++j) {
      next(j) = bias.values[static_cast<std::size_t>(j)];
      for (Index k = 0; k < weight.cols; ++k) next(j) += weight(j, k) * x(k);
    }
    x = activate_layer(next, static_cast<std::uint32_t>(l + 1));
  }
  double z = p.head_bias.values[0];
  for (Index k = 0; k < p.head_gmf.size(); ++k)
    z += p.head_gmf.values[static_cast<std::size_t>(k)] * p.user_gmf(user, k) * p.item_gmf(item, k);
  for (Index k = 0; k < p.head_mlp.size(); ++k) z += p.head_mlp.values[static_cast<std::size_t>(k)] * x(k);
  return z;
}

// Of a block, not divided by its samples.
inline double loss(const Model& p, const Batch& batch, const Dropout& dropout, double* margin = nullptr) {
  double sum = 0;
  for (Index s = 0; s < batch.samples(); ++s)
    sum += bce(logit(p, batch.user(s), batch.item(s), dropout, batch.id(s), margin), batch.label(s));
  return sum;
}

// In one piece the activations stay in a cache: rows of both tables of a user or an item are read, and their
// gradients read and written.
constexpr Traffic whole_step_traffic(double groups, double samples, double embeddings, double T) {
  return {(groups + samples) * embeddings * (T + 4), (groups + samples) * embeddings * 4};
}

}  // namespace neumf::reference
