// What the device can do at best, measured in the same run as what is compared with it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <tuple>
#include <type_traits>

#include "device.hpp"
#include "inputs.hpp"
#include "neumf/ops/linear.hpp"

namespace neumf::bench {

// Seconds of one call: the best of several rounds, each long enough for the clock.
template <class Device, class Call>
double best_seconds(Context<Device>& context, const Call& call) {
  using Clock = std::chrono::steady_clock;
  const auto round = [&](std::int64_t calls) {
    const auto start = Clock::now();
    for (std::int64_t i = 0; i < calls; ++i) call();
    context.synchronize();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  round(1);  // compiles or tunes products and touches memory
  const auto calls = std::max<std::int64_t>(static_cast<std::int64_t>(0.005 / std::max(round(1), 1e-7)), 1);
  double best = 1e30;
  for (int i = 0; i < 7; ++i) best = std::min(best, round(calls) / static_cast<double>(calls));
  return best;
}

// Bytes per second of copying a buffer larger than any cache, read and written bytes counted.
template <class Device>
double copy_bandwidth(Context<Device>& context) {
  static const double bandwidth = [&] {
    auto from = zeros<Device, float>(context, std::int64_t{1} << 26);
    auto to = zeros<Device, float>(context, std::int64_t{1} << 26);
    const double seconds = best_seconds(
        context, [&] { DeviceTraits<Device>::copy(context, from.data(), to.data(), from.bytes()); });
    return 2.0 * static_cast<double>(from.bytes()) / seconds;
  }();
  return bandwidth;
}

enum class Product { nt, nn, tn };

// Seconds of c[m, n] = the product over k, by the device's matrix library alone. Out: T, or float for sums of
// gradients.
template <class Device, class T, class Out = T>
double product_seconds(Context<Device>& context, Product product, std::int64_t m, std::int64_t n,
                       std::int64_t k) {
  static std::map<std::tuple<Product, std::int64_t, std::int64_t, std::int64_t>, double> known;
  const auto [at, missing] = known.try_emplace({product, m, n, k}, 0.0);
  if (!missing) return at->second;
  const bool a_transposed = product == Product::tn, b_transposed = product == Product::nt;
  auto a = random_tensor<Device, T>(context, a_transposed ? k : m, a_transposed ? m : k);
  auto b = random_tensor<Device, T>(context, b_transposed ? n : k, b_transposed ? k : n);
  Tensor<Out, Device> c(m, n);
  const Matrix<const T> left = a.matrix(), right = b.matrix();
  at->second = best_seconds(context, [&] {
    switch (product) {
      case Product::nt:
        return ops::matmul_nt(context, left, right, ops::Write::overwrite, c.matrix());
      case Product::nn:
        return ops::matmul_nn(context, left, right, ops::Write::overwrite, c.matrix());
      case Product::tn:
        return ops::matmul_tn(context, left, right, ops::Write::overwrite, c.matrix());
    }
  });
  return at->second;
}

}  // namespace neumf::bench
