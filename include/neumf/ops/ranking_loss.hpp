// Losses of training. Binary cross-entropy asks of every sample by itself whether it is a positive
// (ops/head.hpp). The losses here compare a positive with its negatives: a group's first sample is its
// positive, as grouped sampling and evaluation have it, the others are its N negatives.
//
//   bpr:      l = 1/N sum_j log(1 + exp(z_j - z_0))
//             Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI 2009
//   softmax:  l = log(sum over all of the group of exp(s_j)) - s_0,   s_j = z_j - log q(i_j)
//             the softmax over the catalogue from a sample of it. q(i) is the probability with which
//             negatives are drawn; subtracting its logarithm keeps items that are drawn often from being
//             pushed down for that alone: Bengio and Senecal, "Adaptive Importance Sampling to Accelerate
//             Training of a Neural Probabilistic Language Model", IEEE TNN 19(4), 2008; Yi et al.,
//             "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019.
//             Uniform draws need none.
//
// A negative that is the positive's own item is left out. Only differences of logits count, so that the
// output's bias has no gradient, and a logit is no longer that of a probability.
#pragma once

#include <cstdint>

#include "neumf/core/context.hpp"
#include "neumf/core/value_names.hpp"
#include "neumf/ops/batch.hpp"

namespace neumf {

// full_softmax: over the whole catalogue (ops/catalogue.hpp). ials: the squared error of all pairs
// (nn/least_squares.hpp).
enum class Loss { bce, bpr, softmax, full_softmax, ials };
constexpr auto value_names(Loss) {
  return std::to_array<NamedValue<Loss>>({{"bce", Loss::bce},
                                          {"bpr", Loss::bpr},
                                          {"softmax", Loss::softmax},
                                          {"full_softmax", Loss::full_softmax},
                                          {"ials", Loss::ials}});
}

namespace ops {

// Adds the groups' losses to loss[0] and, unless `dlogits` is null, writes their gradients,
//   dlogits[s] = scale * loss_scale[0] * dl/dz_s,
// where `scale` is 1 / (groups of the whole step over all ranks). `log_q` [items], or null where negatives
// are drawn uniformly; softmax reads it. batch.items and the logits [samples] are read; `loss` is bpr or
// softmax.
template <class Device>
void ranking_loss(Context<Device>& context, Loss loss, const BatchView& batch, const float* logits,
                  const float* log_q, float scale, const float* loss_scale, float* dlogits, double* loss_sum);

}  // namespace ops
}  // namespace neumf
