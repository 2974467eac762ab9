// Plain double-precision references for every operation: naive loops, written from the headers' documentation
// and sharing no code with the implementations.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "neumf/random/dropout.hpp"

namespace neumf::reference {

using Index = std::int64_t;

struct Array {
  Index rows = 0, cols = 0;
  std::vector<double> values;

  Array() = default;
  explicit Array(Index r, Index c = 1, double fill = 0.0)
      : rows(r), cols(c), values(static_cast<std::size_t>(r * c), fill) {}

  double& operator()(Index r, Index c = 0) { return values[static_cast<std::size_t>(r * cols + c)]; }
  double operator()(Index r, Index c = 0) const { return values[static_cast<std::size_t>(r * cols + c)]; }
  Index size() const { return rows * cols; }
};

// A result, and what bounds the error of computing it in lower precision.
struct Result {
  Array value;
  Array magnitude;  // sum of the absolute values of the terms that were added up (in fp32)
  Array rounded;    // sum of the absolute values of what was rounded to the storage type on the way
  Index terms = 1;  // the most terms in any sum

  Result() = default;
  Result(Index rows, Index cols) : Result(Array(rows, cols)) {}
  // A sum that starts from what is there.
  explicit Result(const Array& initial) : value(initial), magnitude(initial), rounded(initial) {
    for (double& x : magnitude.values) x = std::fabs(x);
    std::fill(rounded.values.begin(), rounded.values.end(), 0.0);
  }

  void add(Index r, Index c, double term, double term_magnitude) {
    value(r, c) += term;
    magnitude(r, c) += term_magnitude;
  }
  void add(Index r, Index c, double term) { add(r, c, term, std::fabs(term)); }
  // The value is rounded once, when it is stored.
  Result& stored(Index sum_terms) {
    terms = sum_terms;
    for (std::size_t i = 0; i < value.values.size(); ++i) rounded.values[i] += std::fabs(value.values[i]);
    return *this;
  }
};

struct Batch {
  Index groups = 0;
  Index group_size = 1;
  std::vector<std::uint32_t> users, items;
  std::vector<std::uint64_t> ids;
  std::vector<std::uint8_t> labels;

  Index samples() const { return groups * group_size; }
  Index user(Index s) const { return users[static_cast<std::size_t>(s / group_size)]; }
  Index item(Index s) const { return items[static_cast<std::size_t>(s)]; }
  double label(Index s) const { return labels[static_cast<std::size_t>(s)] != 0 ? 1.0 : 0.0; }
  std::uint64_t id(Index s) const {
    return ids[static_cast<std::size_t>(s / group_size)] + static_cast<std::uint64_t>(s % group_size);
  }
};

inline Array gather(const Array& table, const std::vector<std::uint32_t>& ids) {
  Array out(static_cast<Index>(ids.size()), table.cols);
  for (Index i = 0; i < out.rows; ++i)
    for (Index k = 0; k < out.cols; ++k) out(i, k) = table(ids[static_cast<std::size_t>(i)], k);
  return out;
}

inline Result scatter_add(const Array& table, const std::vector<std::uint32_t>& ids, const Array& values) {
  Result out(table);
  std::vector<Index> hits(static_cast<std::size_t>(table.rows), 1);
  for (Index i = 0; i < values.rows; ++i) {
    const std::uint32_t row = ids[static_cast<std::size_t>(i)];
    ++hits[row];
    for (Index k = 0; k < values.cols; ++k) out.add(row, k, values(i, k));
  }
  return out.stored(*std::max_element(hits.begin(), hits.end()));
}

// c = initial + op(a) op(b)
inline Result matmul(const Array& a, bool transpose_a, const Array& b, bool transpose_b,
                     const Array& initial) {
  Result c(initial);
  const Index depth = transpose_a ? a.rows : a.cols;
  for (Index i = 0; i < initial.rows; ++i)
    for (Index j = 0; j < initial.cols; ++j)
      for (Index k = 0; k < depth; ++k)
        c.add(i, j, (transpose_a ? a(k, i) : a(i, k)) * (transpose_b ? b(j, k) : b(k, j)));
  return c.stored(depth + 1);
}

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

// dropout(relu(z)) of one unit, and what is left of the error bounds of z: nothing where the unit is dropped.
inline void activate(const Dropout& dropout, std::uint64_t id, Index unit, double& z, double& magnitude,
                     double& rounded) {
  const bool kept = !dropout.active() || dropout.keep(id, static_cast<std::uint32_t>(unit));
  const double scale = kept ? 65536.0 / (65536.0 - dropout.threshold) : 0.0;
  z = scale * std::max(z, 0.0);
  magnitude *= scale;
  rounded *= scale;
}

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

inline Result linear_forward(const Batch& batch, const Array& x, const Array& weight, const Array& bias,
                             const Dropout& dropout) {
  Result y = matmul(x, false, weight, true, Array(x.rows, weight.rows));  // stored once before the activation
  for (Index s = 0; s < x.rows; ++s)
    for (Index k = 0; k < weight.rows; ++k) {
      y.add(s, k, bias(k));
      activate(dropout, batch.id(s), k, y.value(s, k), y.magnitude(s, k), y.rounded(s, k));
    }
  return y.stored(x.cols + 1);
}

inline Result linear_backward_input(const Array& dz, const Array& weight, const Array& x, double keep_scale) {
  Result dx = matmul(dz, false, weight, false, Array(dz.rows, weight.cols));
  for (Index i = 0; i < dx.value.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const double scale = x.values[at] > 0 ? keep_scale : 0.0;
    dx.value.values[at] *= scale;
    dx.magnitude.values[at] *= scale;
    dx.rounded.values[at] *= scale;
  }
  return dx.stored(dz.cols);
}

struct LinearGradients {
  Result weight, bias;
};

inline LinearGradients linear_backward_weights(const Array& dz, const Array& x, const Array& weight_grad,
                                               const Array& bias_grad) {
  LinearGradients out{matmul(dz, true, x, false, weight_grad), Result(bias_grad)};
  for (Index s = 0; s < dz.rows; ++s)
    for (Index k = 0; k < dz.cols; ++k) out.bias.add(k, 0, dz(s, k));
  out.bias.stored(dz.rows + 1);
  return out;
}

inline double bce(double z, double y) {
  return std::max(z, 0.0) - z * y + std::log(1.0 + std::exp(-std::fabs(z)));
}

inline Result head_forward(const Array& h, const Array& weight, const Array& logits) {
  Result out(logits);
  for (Index s = 0; s < h.rows; ++s)
    for (Index k = 0; k < h.cols; ++k) out.add(s, 0, h(s, k) * weight(k));
  return out.stored(h.cols + 1);
}

struct HeadGradients {
  Result logits, dlogits, dh, weight, bias, loss;
};

inline HeadGradients head_loss(const Batch& batch, const Array& h, const Array& weight, double factor,
                               double keep_scale, const Array& logits, const Array& weight_grad,
                               double bias_grad, double loss) {
  HeadGradients out{head_forward(h, weight, logits), Result(h.rows, 1),
                    Result(h.rows, h.cols),          Result(weight_grad),
                    Result(Array(1, 1, bias_grad)),  Result(Array(1, 1, loss))};
  for (Index s = 0; s < h.rows; ++s) {
    const double z = out.logits.value(s), y = batch.label(s);
    const double d = factor * (1.0 / (1.0 + std::exp(-z)) - y);
    // sigmoid has slope at most 1/4; the difference to the label is a sum of terms of at most 1.
    const double d_magnitude = factor * (1.0 + 0.25 * out.logits.magnitude(s));
    out.dlogits.add(s, 0, d, d_magnitude);
    out.bias.add(0, 0, d, d_magnitude);
    out.loss.add(0, 0, bce(z, y), 1.0 + out.logits.magnitude(s));
    for (Index k = 0; k < h.cols; ++k) {
      if (h(s, k) > 0)
        out.dh.add(s, k, keep_scale * d * weight(k), keep_scale * d_magnitude * std::fabs(weight(k)));
      out.weight.add(k, 0, d * h(s, k), d_magnitude * std::fabs(h(s, k)));
    }
  }
  out.dlogits.stored(h.cols + 1);
  out.dh.stored(h.cols + 1);
  out.weight.stored(h.rows + h.cols + 1);
  out.bias.stored(h.rows + h.cols + 1);
  out.loss.stored(h.cols + 1);
  return out;
}

// Adam on one parameter, with its own step count.
struct Adam {
  double learning_rate, beta1, beta2, eps;
  double weight = 0, weight_decay = 0, m = 0, v = 0;
  int t = 0;

  void step(double gradient) {
    ++t;
    m = beta1 * m + (1 - beta1) * gradient;
    v = beta2 * v + (1 - beta2) * gradient * gradient;
    const double m_hat = m / (1 - std::pow(beta1, t)), v_hat = v / (1 - std::pow(beta2, t));
    weight -= learning_rate * (m_hat / (std::sqrt(v_hat) + eps) + weight_decay * weight);
  }
};

// Rank of a group's first item among the distinct others: quadratic, by comparing every pair.
inline std::uint32_t rank_held_out(const std::uint32_t* items, const float* scores, Index group_size) {
  std::uint32_t rank = 0;
  for (Index j = 1; j < group_size; ++j) {
    bool repeated = false;
    for (Index i = 0; i < j; ++i) repeated = repeated || items[i] == items[j];
    const bool below = scores[j] < scores[0];  // false where either is not a number
    if (!repeated && !below) ++rank;
  }
  return rank;
}

}  // namespace neumf::reference
