// Generalised matrix factorisation, the first branch of NeuMF (He et al., "Neural Collaborative Filtering",
// WWW 2017, eq. 8-9), joined with its part of the final layer: it contributes sum_k w_k p_uk q_ik to the
// logit, so the product vector is never stored.
#pragma once

#include "neumf/core/context.hpp"
#include "neumf/core/types.hpp"
#include "neumf/ops/batch.hpp"
#include "neumf/ops/embedding.hpp"

namespace neumf::ops {

// logits[s] = bias[0] + sum_k weight[k] * users[u(s), k] * items[i(s), k].
// users [user rows, F], items [item rows, F], weight [F], bias [1], logits [samples].
template <class Device, class T>
void gmf_forward(Context<Device>& context, const BatchView& batch, Matrix<const T> users,
                 Matrix<const T> items, const float* weight, const float* bias, float* logits);

// Adds to the gradients, with d = dlogits:
//   user_grad[u, k]  += sum over the user's samples of d_s w_k q_ik
//   item_grad[i, k]  += sum over the item's samples of d_s w_k p_uk
//   weight_grad[k]   += sum_s d_s p_uk q_ik
// The plans are over batch.users and batch.items.
template <class Device, class T>
void gmf_backward(Context<Device>& context, const BatchView& batch, const ScatterPlan<Device>& user_plan,
                  const ScatterPlan<Device>& item_plan, Matrix<const T> users, Matrix<const T> items,
                  const float* weight, const float* dlogits, Matrix<float> user_grad, Matrix<float> item_grad,
                  float* weight_grad);

}  // namespace neumf::ops
