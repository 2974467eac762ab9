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
  struct Matmul {
    dnnl::matmul primitive;
    dnnl::memory a, b, bias, c;                       // descriptors; the data pointers are set at each call
    std::unordered_map<int, dnnl::memory> arguments;  // the same memories, as oneDNN takes them
  };
  // Products of one caller at a time.
  struct Products {
    dnnl::stream stream;
    std::map<MatmulKey, Matmul> known;
  };

  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  Products together{dnnl::stream(engine), {}};         // on all threads
  std::vector<Products> alone;                         // on one thread, for each thread
  std::vector<float> partial_sums;                     // of products whose inner dimension the threads share
  std::vector<float> widened_a, widened_b, widened_c;  // float copies for fp16 matrix products
};

}  // namespace neumf
