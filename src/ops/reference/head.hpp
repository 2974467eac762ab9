// The MLP's part of the final layer and the loss (He et al., "Neural Collaborative Filtering", WWW 2017,
// eq. 7 and 12), binary cross-entropy with logits:
//   z_s += sum_k w_k h_sk
//   l(z, y) = -y log sigmoid(z) - (1 - y) log(1 - sigmoid(z)) = max(z, 0) - z y + log(1 + exp(-|z|))
//   d_s = dl/dz_s = sigmoid(z_s) - y_s
//   dw_k += d_s h_sk;   db += d_s;   dh_sk = d_s w_k, before the ReLU and dropout that made h.
// Gradients come times `factor`: the mean's 1 / samples times the loss scale.
#pragma once

#include <algorithm>
#include <cmath>

#include "array.hpp"
#include "traffic.hpp"

namespace neumf::reference {

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

struct HeadBackward {
  Result dh, weight;
};

// From gradients of the logits that are given.
inline HeadBackward head_backward(const Array& h, const Array& weight, const Array& dlogits,
                                  double keep_scale, const Array& weight_grad) {
  HeadBackward out{Result(h.rows, h.cols), Result(weight_grad)};
  for (Index s = 0; s < h.rows; ++s)
    for (Index k = 0; k < h.cols; ++k) {
      if (h(s, k) > 0) out.dh.add(s, k, keep_scale * dlogits(s) * weight(k));
      out.weight.add(k, 0, dlogits(s) * h(s, k));
    }
  out.dh.stored(1);
  out.weight.stored(h.rows + 1);
  return out;
}

// h is read, the logit read and written.
constexpr Traffic head_forward_traffic(double samples, double width, double T) {
  return {samples * (width * T + 4), samples * 4};
}

// The label is read too; dh and the logit's gradient are written.
constexpr Traffic head_loss_traffic(double samples, double width, double T) {
  return {samples * (width * T + 5), samples * (width * T + 8)};
}

// h and the logit's gradient are read, dh is written.
constexpr Traffic head_backward_traffic(double samples, double width, double T) {
  return {samples * (width * T + 4), samples * width * T};
}

// A logit and a label.
constexpr Traffic bce_loss_traffic(double samples) {
  return {samples * 5, 0};
}

}  // namespace neumf::reference
