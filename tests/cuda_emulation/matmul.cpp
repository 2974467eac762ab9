// Matrix products as plain loops, in place of src/ops/cuda/matmul.cpp and cuBLASLt.
#include "matmul.hpp"

#include <cublasLt.h>

#include <algorithm>
#include <vector>

struct cublasLtContext {};

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
// Referred to by the owners in handles.hpp, of which none is filled here.
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t /*description*/) {
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t /*layout*/) {
  return CUBLAS_STATUS_SUCCESS;
}
const char* cublasLtGetStatusString(cublasStatus_t /*status*/) {
  return "error of the emulated cuBLASLt";
}
const char* cublasLtGetStatusName(cublasStatus_t /*status*/) {
  return "cublasStatus_t";
}

namespace neumf::cuda {
namespace {

float element(cudaDataType_t type, const void* data, std::int64_t i) {
  if (type == CUDA_R_32F) return static_cast<const float*>(data)[i];
  if (type == CUDA_R_16F) return to_float(static_cast<const float16*>(data)[i]);
  return to_float(static_cast<const bfloat16*>(data)[i]);
}

void set_element(cudaDataType_t type, void* data, std::int64_t i, float value) {
  if (type == CUDA_R_32F)
    static_cast<float*>(data)[i] = value;
  else if (type == CUDA_R_16F)
    static_cast<float16*>(data)[i] = from_float<float16>(value);
  else
    static_cast<bfloat16*>(data)[i] = from_float<bfloat16>(value);
}

// The operand as [rows, cols] floats, whichever way it is stored.
std::vector<float> widened(cudaDataType_t type, const void* data, bool transposed, std::int64_t rows,
                           std::int64_t cols) {
  std::vector<float> out(static_cast<std::size_t>(rows * cols));
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < cols; ++j)
      out[static_cast<std::size_t>(i * cols + j)] =
          element(type, data, transposed ? j * rows + i : i * cols + j);
  return out;
}

float finished(const Product& product, std::int64_t i, std::int64_t j, float sum) {
  float value = product.alpha * sum;
  if (product.accumulate) value += element(product.out, product.c, i * product.n + j);
  if (product.epilogue == Epilogue::bias_relu)
    value = std::max(value + element(product.out, product.bias, j), 0.0f);
  if (product.epilogue == Epilogue::mask) {
    const std::int64_t bit = i * product.mask_stride + j;
    if ((static_cast<const std::uint8_t*>(product.mask)[bit / 8] >> (bit % 8) & 1) == 0) value = 0;
  }
  return value;
}

}  // namespace

bool multiply(Context<Cuda>& /*context*/, const Product& product) {
  const std::int64_t m = product.m, n = product.n, k = product.k;
  const std::vector<float> a = widened(product.in, product.a, product.transpose_a, m, k);
  const std::vector<float> b = widened(product.in, product.b, product.transpose_b, k, n);
  std::vector<float> sums(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < m; ++i) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    float row_sum = 0;
    for (std::int64_t l = 0; l < k; ++l) {
      const float factor = a[static_cast<std::size_t>(i * k + l)];
      const float* row = b.data() + l * n;
      row_sum += factor;
      for (std::int64_t j = 0; j < n; ++j) sums[static_cast<std::size_t>(j)] += factor * row[j];
    }
    for (std::int64_t j = 0; j < n; ++j)
      set_element(product.out, product.c, i * n + j,
                  finished(product, i, j, sums[static_cast<std::size_t>(j)]));
    if (product.epilogue == Epilogue::bias_gradient) set_element(product.out, product.bias, i, row_sum);
  }
  return true;
}

}  // namespace neumf::cuda
