// The oneDNN side of Context<Cpu>: compiled matrix products, cached by shape.
#pragma once

#include <dnnl.hpp>

#include <cstdint>
#include <map>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "neumf/core/context.hpp"

namespace neumf {

struct MatmulKey {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b, accumulate;
  bool bias_relu;  // c = relu(product + bias), the bias in fp32
  dnnl::memory::data_type in, out;
  auto operator<=>(const MatmulKey&) const = default;  // NOLINT(modernize-use-nullptr): a false alarm
};

struct Context<Cpu>::Impl {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  struct Matmul {
    dnnl::matmul primitive;
    dnnl::memory a, b, bias, c;                       // descriptors; the data pointers are set at each call
    std::unordered_map<int, dnnl::memory> arguments;  // the same memories, as oneDNN takes them
  };
  using Matmuls = std::map<MatmulKey, Matmul>;
  Matmuls matmuls;                      // on all threads
  std::vector<Matmuls> of_thread;       // on one thread, a set for each
  std::vector<float> partial_products;  // of matrix products whose inner dimension the threads share
  std::vector<float> widened_a, widened_b, widened_c;  // float copies for fp16 matrix products
};

}  // namespace neumf
