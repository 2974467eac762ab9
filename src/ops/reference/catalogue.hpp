// The softmax over the whole catalogue (Liang et al., WWW 2018), for a user with n positives:
//   l = sum over positives i of (log sum_j exp z_j - z_i)
//   dl/dz_j = n exp z_j / sum_k exp z_k - [j is a positive]
// and the logits' left factor x_gk = w_k p_(r_g)k:
//   dp_(r_g)k += w_k dx_gk;   dw_k += sum_g dx_gk p_(r_g)k
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "array.hpp"
#include "neumf/sampling/sampler.hpp"
#include "traffic.hpp"

namespace neumf::reference {

inline Result gather_weighted(const Array& table, const std::vector<std::uint32_t>& rows,
                              const Array& weight) {
  Result out(static_cast<Index>(rows.size()), table.cols);
  for (Index g = 0; g < out.value.rows; ++g)
    for (Index k = 0; k < table.cols; ++k)
      out.add(g, k, weight(k) * table(rows[static_cast<std::size_t>(g)], k));
  return out.stored(1);
}

struct CatalogueSoftmax {
  Result dlogits, loss;
};

inline CatalogueSoftmax catalogue_softmax(const TrainingSetView& set, const std::vector<std::uint32_t>& rows,
                                          std::uint32_t first_row, double factor, const Array& logits,
                                          double loss_sum) {
  CatalogueSoftmax out{Result(logits.rows, logits.cols), Result(Array(1, 1, loss_sum))};
  for (Index g = 0; g < logits.rows; ++g) {
    const std::uint32_t user = rows[static_cast<std::size_t>(g)] - first_row;
    double largest = logits(g, 0), sum = 0;
    for (Index j = 1; j < logits.cols; ++j) largest = std::max(largest, logits(g, j));
    for (Index j = 0; j < logits.cols; ++j) sum += std::exp(logits(g, j) - largest);
    const auto n = static_cast<double>(set.offsets[user + 1] - set.offsets[user]);
    const double magnitude = 1 + std::fabs(largest);
    for (Index j = 0; j < logits.cols; ++j) {
      const double share = n * std::exp(logits(g, j) - largest) / sum;
      out.dlogits.add(g, j, factor * share, factor * share * (magnitude + std::fabs(logits(g, j))));
    }
    for (std::uint64_t p = set.offsets[user]; p < set.offsets[user + 1]; ++p) {
      out.dlogits.add(g, set.items[p], -factor);
      const double z = logits(g, set.items[p]);
      out.loss.add(0, 0, std::log(sum) + largest - z, magnitude + std::fabs(z));
    }
  }
  out.dlogits.stored(logits.cols);
  out.loss.stored(logits.cols);
  return out;
}

struct WeightedGradients {
  Result table, weight;
};

inline WeightedGradients scatter_weighted(const Array& table, const std::vector<std::uint32_t>& rows,
                                          const Array& weight, const Array& gradient, const Array& table_grad,
                                          const Array& weight_grad) {
  WeightedGradients out{Result(table_grad), Result(weight_grad)};
  for (Index g = 0; g < gradient.rows; ++g)
    for (Index k = 0; k < table.cols; ++k) {
      const std::uint32_t row = rows[static_cast<std::size_t>(g)];
      out.table.add(row, k, weight(k) * gradient(g, k));
      out.weight.add(k, 0, gradient(g, k) * table(row, k));
    }
  out.table.stored(2);
  out.weight.stored(gradient.rows + 1);
  return out;
}

// A logit is read, and its gradient takes its place.
constexpr Traffic catalogue_softmax_traffic(double users, double items) {
  return {users * items * 4, users * items * 4};
}

}  // namespace neumf::reference
