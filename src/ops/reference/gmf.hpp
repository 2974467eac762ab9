// Generalised matrix factorisation with its part of the final layer (He et al., "Neural Collaborative
// Filtering", WWW 2017, eq. 8-9):
//   z_s = b + sum_k w_k p_uk q_ik         for sample s of user u and item i
// and with d_s = dl/dz_s:
//   dl/dp_uk += d_s w_k q_ik;   dl/dq_ik += d_s w_k p_uk;   dl/dw_k += d_s p_uk q_ik
#pragma once

#include "array.hpp"
#include "traffic.hpp"

namespace neumf::reference {

inline Result gmf_forward(const Batch& batch, const Array& users, const Array& items, const Array& weight,
                          double bias) {
  Result logits(batch.samples(), 1);
  for (Index s = 0; s < batch.samples(); ++s) {
    logits.add(s, 0, bias);
    for (Index k = 0; k < users.cols; ++k)
      logits.add(s, 0, weight(k) * users(batch.user(s), k) * items(batch.item(s), k));
  }
  return logits.stored(users.cols + 1);
}

struct GmfGradients {
  Result users, items, weight;
};

inline GmfGradients gmf_backward(const Batch& batch, const Array& users, const Array& items,
                                 const Array& weight, const Array& dlogits, const Array& user_grad,
                                 const Array& item_grad, const Array& weight_grad) {
  GmfGradients out{Result(user_grad), Result(item_grad), Result(weight_grad)};
  for (Index s = 0; s < batch.samples(); ++s) {
    const Index u = batch.user(s), i = batch.item(s);
    for (Index k = 0; k < users.cols; ++k) {
      out.users.add(u, k, dlogits(s) * weight(k) * items(i, k));
      out.items.add(i, k, dlogits(s) * weight(k) * users(u, k));
      out.weight.add(k, 0, dlogits(s) * users(u, k) * items(i, k));
    }
  }
  const Index terms = batch.samples() + 1;
  out.users.stored(terms);
  out.items.stored(terms);
  out.weight.stored(terms);
  return out;
}

// The user's row is read once per group, the item's per sample, with their numbers; a logit is written.
constexpr Traffic gmf_forward_traffic(double groups, double samples, double factors, double T) {
  return {(groups + samples) * (4 + factors * T), samples * 4};
}

// Both rows are read; their gradients are read and written.
constexpr Traffic gmf_backward_traffic(double groups, double samples, double factors, double T) {
  return {(groups + samples) * factors * (T + 4), (groups + samples) * factors * 4};
}

}  // namespace neumf::reference
