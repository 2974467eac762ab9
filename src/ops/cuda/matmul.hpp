// Matrix products through cuBLASLt, with what it can fuse into them.
#pragma once

#include <cuda_runtime_api.h>
#include <library_types.h>

#include <cstdint>

#include "neumf/core/context.hpp"
#include "neumf/core/types.hpp"

namespace neumf::cuda {

template <class T>
constexpr cudaDataType_t data_type = CUDA_R_32F;
template <>
inline constexpr cudaDataType_t data_type<bfloat16> = CUDA_R_16BF;
template <>
inline constexpr cudaDataType_t data_type<float16> = CUDA_R_16F;

enum class Epilogue {
  none,
  bias_relu,      // c = relu(c + bias), bias [n] of the output type
  mask,           // c = c where the bit in `mask` is set, else 0
  bias_gradient,  // bias[j] = column sums of a (over its rows, the product's k), in the output type
};

// c [m, n] = alpha op(a) op(b), or added to c; everything row-major.
struct Product {
  cudaDataType_t in, out;
  std::int64_t m, n, k;
  bool transpose_a, transpose_b, accumulate;
  const void *a, *b;
  void* c;
  float alpha = 1.0f;
  Epilogue epilogue = Epilogue::none;
  void* bias = nullptr;        // read by bias_relu, written by bias_gradient
  const void* mask = nullptr;  // bit j of row i at bit i * mask_stride + j
  std::int64_t mask_stride = 0;
};

// Submits the product. Returns false, and does nothing, if the library has no way to do it with this
// epilogue; without an epilogue it throws instead.
bool multiply(Context<Cuda>& context, const Product& product);

}  // namespace neumf::cuda
