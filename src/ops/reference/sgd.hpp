// Stochastic gradient descent (Robbins and Monro, "A Stochastic Approximation Method", 1951) with weight
// decay:
//   w -= lr * (g + decay * w)
#pragma once

#include "traffic.hpp"

namespace neumf::reference {

inline double sgd_step(double weight, double gradient, double learning_rate, double weight_decay) {
  return weight - learning_rate * (gradient + weight_decay * weight);
}

// As for Adam, without the moments.
constexpr Traffic sgd_traffic(double parameters, double copy) {
  return {parameters * 8, parameters * (8 + copy)};
}

}  // namespace neumf::reference
