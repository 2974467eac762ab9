// The first layer of the MLP on the concatenation of both embeddings (He et al., "Neural Collaborative
// Filtering", WWW 2017, eq. 10), split into its halves, which are matrix products:
//   x_s = dropout(relu(W_user P_u + W_item Q_i + b))
// Here the halves, user_half = P W_user^T by group and item_half = Q W_item^T by item or sample, are joined.
#pragma once

#include <cstdint>
#include <vector>

#include "activation.hpp"
#include "array.hpp"
#include "traffic.hpp"

namespace neumf::reference {

// item_index null: item_half has a row per sample.
inline Result pair_forward(const Batch& batch, const Array& user_half, const Array& item_half,
                           const std::vector<std::uint32_t>* item_index, const Array& bias,
                           const Dropout& dropout) {
  Result out(batch.samples(), bias.size());
  for (Index s = 0; s < batch.samples(); ++s) {
    const Index item = item_index != nullptr ? (*item_index)[static_cast<std::size_t>(s)] : s;
    for (Index k = 0; k < bias.size(); ++k) {
      out.add(s, k, user_half(s / batch.group_size, k));
      out.add(s, k, item_half(item, k));
      out.add(s, k, bias(k));
      activate(dropout, batch.id(s), k, out.value(s, k), out.magnitude(s, k), out.rounded(s, k));
    }
  }
  return out.stored(3);
}

struct PairGradients {
  Result group_sum, bias;
};

// The user's half has one gradient for the whole group, the sum of its samples' dz.
inline PairGradients pair_backward(Index group_size, const Array& dz, const Array& bias_grad) {
  PairGradients out{Result(dz.rows / group_size, dz.cols), Result(bias_grad)};
  for (Index s = 0; s < dz.rows; ++s)
    for (Index k = 0; k < dz.cols; ++k) {
      out.group_sum.add(s / group_size, k, dz(s, k));
      out.bias.add(k, 0, dz(s, k));
    }
  out.group_sum.stored(group_size);
  out.bias.stored(dz.rows + 1);
  return out;
}

// The user's half is read per group, the item's per sample with its number, and the result written.
constexpr Traffic pair_forward_traffic(double groups, double samples, double width, double T) {
  return {groups * width * T + samples * (4 + width * T), samples * width * T};
}

constexpr Traffic pair_backward_traffic(double groups, double samples, double width, double T) {
  return {samples * width * T, groups * width * T};
}

}  // namespace neumf::reference
