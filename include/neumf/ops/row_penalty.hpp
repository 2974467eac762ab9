// The gradient of an L2 penalty on embeddings: of the rows that a block reads, as often as it reads them, so
// that rows of which nothing was learned are left alone (unlike weight decay, which moves all), and those
// that are read often are held as much as they are moved.
#pragma once

#include "neumf/core/context.hpp"
#include "neumf/core/types.hpp"
#include "neumf/ops/embedding.hpp"

namespace neumf::ops {

// gradient[ids[i], :] += factor * loss_scale[0] * table[ids[i], :] for every planned i: the gradient of
// factor / 2 sum_i |table[ids[i], :]|^2.  table and gradient [rows, width].
template <class Device>
void add_row_penalty(Context<Device>& context, const ScatterPlan<Device>& plan, Matrix<const float> table,
                     float factor, const float* loss_scale, Matrix<float> gradient);

}  // namespace neumf::ops
