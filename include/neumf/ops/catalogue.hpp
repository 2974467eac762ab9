// The softmax of users over the whole catalogue, where a logit is a product of vectors (GMF without bias):
//   z_ui = sum_k w_k p_uk q_ik
//   l_u = sum over the user's positives i of (log sum_j exp z_uj - z_ui)
//   dl_u/dz_uj = n_u exp z_uj / sum_k exp z_uk - [j is a positive of u],   n_u: the user's positives
// (the multinomial likelihood of Liang et al., "Variational Autoencoders for Collaborative Filtering", WWW
// 2018). Every item is a negative, and all of a user's positives share them: the logits of a block of users
// are one matrix product, and each serves the user's hundred positives or so.
#pragma once

#include <cstdint>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/core/types.hpp"
#include "neumf/sampling/sampler.hpp"

namespace neumf::ops {

// out[g, k] = weight[k] * table[rows[g], k].  out [n, F], weight [F].
template <class Device, class T>
void gather_weighted(Context<Device>& context, Matrix<const T> table, const std::uint32_t* rows,
                     const float* weight, Matrix<T> out);

// Replaces the logits [n, items] by scale * loss_scale[0] times their gradients, and adds the users' losses
// to loss[0]. Row g is of the local user rows[g] - first_row of `set`, whose positives are distinct.
template <class Device>
void catalogue_softmax(Context<Device>& context, const TrainingSetView& set, const std::uint32_t* rows,
                       std::uint32_t first_row, float scale, const float* loss_scale, Matrix<float> logits,
                       double* loss);

// The gradients of what gather_weighted reads, from those of its result; the rows are distinct.
//   table_grad[rows[g], k] += weight[k] * gradient[g, k]
//   weight_grad[k] += sum_g gradient[g, k] * table[rows[g], k]
template <class Device, class T>
void scatter_weighted(Context<Device>& context, Matrix<const T> table, const std::uint32_t* rows,
                      const float* weight, Matrix<const float> gradient, Matrix<float> table_grad,
                      float* weight_grad);

}  // namespace neumf::ops
