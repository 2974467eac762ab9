// Checking return codes of CUDA and cuBLASLt.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <source_location>

namespace neumf::cuda {

[[noreturn]] void fail(cudaError_t status, const char* call, const std::source_location& where);
[[noreturn]] void fail(cublasStatus_t status, const char* call, const std::source_location& where);

// Throw Error naming the call, the place and the GPU unless `status` is success.
inline void check(cudaError_t status, const char* call,
                  const std::source_location& where = std::source_location::current()) {
  if (status != cudaSuccess) [[unlikely]]
    fail(status, call, where);
}
inline void check(cublasStatus_t status, const char* call,
                  const std::source_location& where = std::source_location::current()) {
  if (status != CUBLAS_STATUS_SUCCESS) [[unlikely]]
    fail(status, call, where);
}

// After a kernel launch: reports a launch that was refused.
inline void check_launch(const char* kernel,
                         const std::source_location& where = std::source_location::current()) {
  check(cudaGetLastError(), kernel, where);
}

}  // namespace neumf::cuda

#define NEUMF_CUDA(call) ::neumf::cuda::check((call), #call)
