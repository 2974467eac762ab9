// The first MLP layer, over the concatenation [P_u ; Q_i], split into its two halves:
//   W [P_u ; Q_i] + b = W_user P_u + W_item Q_i + b.
// The halves are matrix products over users and over items (ops/linear.hpp); here they are joined per sample.
// A user's half is thus computed once per group, and an item's half may be computed once per item of the
// catalogue instead of once per sample (see nn/pair_layer.hpp).
#pragma once

#include "neumf/core/context.hpp"
#include "neumf/core/types.hpp"
#include "neumf/ops/batch.hpp"
#include "neumf/random/dropout.hpp"

namespace neumf::ops {

// out[s, :] = dropout(relu(user_half[g(s), :] + item_half[r(s), :] + bias)), g(s) = s / group_size and
// r(s) = item_index[s]. Where item_index is null, item_half has a row per sample (r(s) = s), or else a row
// per member of a group (r(s) = s % group_size): every user with every item. user_half [groups, H], item_half
// [any, H], bias [H], out [samples, H].
template <class Device, class T>
void pair_forward(Context<Device>& context, const BatchView& batch, Matrix<const T> user_half,
                  Matrix<const T> item_half, const std::uint32_t* item_index, const float* bias,
                  const Dropout& dropout, Matrix<T> out);

// Given dz [samples, H], the gradient before the ReLU:
//   group_sum[g, :] = sum of the group's rows (overwritten);  bias_grad[:] += sum of all rows.
template <class Device, class T>
void pair_backward(Context<Device>& context, std::int32_t group_size, Matrix<const T> dz, Matrix<T> group_sum,
                   float* bias_grad);

}  // namespace neumf::ops
