// Adam on one parameter (Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm
// 1), with weight decay that is decoupled from the gradient (Loshchilov and Hutter, ICLR 2019, algorithm 2):
//   m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2
//   w -= lr * ((m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps) + decay * w)
// Dense: every parameter moves every step. ops/deferred_adam.hpp moves the same parameters to the same
// values, later.
#pragma once

#include <cmath>

#include "traffic.hpp"

namespace neumf::reference {

// A parameter with its moments and its own step count.
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

// Weight, gradient and both moments are read and written (the gradient is cleared), the copy is written.
// `copy`: bytes of a parameter's rounded copy, 0 in fp32.
constexpr Traffic adam_traffic(double parameters, double copy) {
  return {parameters * 16, parameters * (16 + copy)};
}

}  // namespace neumf::reference
