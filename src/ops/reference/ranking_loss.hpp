// Losses that compare a positive, a group's first sample, with its N negatives; those that repeat its item
// are left out:
//   bpr (Rendle et al., UAI 2009):  l = 1/N sum_j log(1 + exp(z_j - z_0))
//     dl/dz_j = 1/N sigmoid(z_j - z_0);   dl/dz_0 = -sum_j dl/dz_j
//   softmax (Bengio and Senecal, IEEE TNN 2008):  l = log(sum_j exp(s_j)) - s_0,   s_j = z_j - log q(i_j)
//     dl/dz_j = exp(s_j) / sum_k exp(s_k) - [j = 0]
// Gradients come times `factor`: 1 / groups times the loss scale.
#pragma once

#include <algorithm>
#include <cmath>

#include "array.hpp"
#include "neumf/ops/ranking_loss.hpp"
#include "traffic.hpp"

namespace neumf::reference {

// Of a group whose items are `items` [size] and logits z [size]; `gradient`, where given, [size].
inline double ranking_loss(Loss loss, Index size, const std::uint32_t* items, const double* z,
                           const Array* log_q, double* gradient = nullptr) {
  const auto kept = [&](Index j) { return j == 0 || items[j] != items[0]; };
  if (gradient != nullptr) std::fill(gradient, gradient + size, 0.0);
  double sum = 0;
  if (loss == Loss::bpr) {
    const double n = static_cast<double>(size - 1);
    for (Index j = 1; j < size; ++j) {
      if (!kept(j)) continue;
      const double x = z[j] - z[0], d = 1.0 / (1.0 + std::exp(-x)) / n;
      sum += (std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)))) / n;
      if (gradient == nullptr) continue;
      gradient[j] += d;
      gradient[0] -= d;
    }
    return sum;
  }
  const auto s = [&](Index j) {
    return z[j] - (log_q != nullptr ? log_q->values[static_cast<std::size_t>(items[j])] : 0.0);
  };
  double largest = s(0);
  for (Index j = 1; j < size; ++j)
    if (kept(j)) largest = std::max(largest, s(j));
  for (Index j = 0; j < size; ++j)
    if (kept(j)) sum += std::exp(s(j) - largest);
  if (gradient != nullptr)
    for (Index j = 0; j < size; ++j)
      if (kept(j)) gradient[j] = std::exp(s(j) - largest) / sum - (j == 0 ? 1.0 : 0.0);
  return std::log(sum) + largest - s(0);
}

struct RankingLoss {
  Result dlogits, loss;
};

inline RankingLoss ranking_loss(Loss loss, const Batch& batch, const Array& logits, const Array* log_q,
                                double factor, double loss_sum) {
  RankingLoss out{Result(batch.samples(), 1), Result(Array(1, 1, loss_sum))};
  std::vector<double> gradient(static_cast<std::size_t>(batch.group_size));
  for (Index g = 0; g < batch.groups; ++g) {
    const Index first = g * batch.group_size;
    const std::uint32_t* items = batch.items.data() + first;
    const double* z = logits.values.data() + first;
    // An error of the exponents is one of the result: they are as exact as the logits are large.
    double magnitude = 1;
    for (Index j = 0; j < batch.group_size; ++j)
      magnitude = std::max(
          magnitude, 2 * std::fabs(z[j]) + (log_q != nullptr ? 2 * std::fabs((*log_q)(items[j])) : 0.0));
    out.loss.add(0, 0, ranking_loss(loss, batch.group_size, items, z, log_q, gradient.data()), magnitude);
    for (Index j = 0; j < batch.group_size; ++j)
      out.dlogits.add(first + j, 0, factor * gradient[static_cast<std::size_t>(j)], factor * magnitude);
  }
  out.dlogits.stored(batch.group_size);
  out.loss.stored(batch.group_size);
  return out;
}

// An item and a logit are read, the logit's gradient is written.
constexpr Traffic ranking_loss_traffic(double samples) {
  return {samples * 8, samples * 4};
}

}  // namespace neumf::reference
