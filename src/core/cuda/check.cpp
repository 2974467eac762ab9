#include "neumf/core/cuda/check.hpp"

#include <string_view>

#include "neumf/core/error.hpp"

namespace neumf::cuda {
namespace {

[[noreturn]] void report(const char* reason, const char* name, std::string_view call,
                         const std::source_location& where) {
  int device = -1;
  if (cudaGetDevice(&device) != cudaSuccess) device = -1;
  std::string_view file = where.file_name();
  file = file.substr(file.find_last_of('/') + 1);
  call = call.substr(0, call.find('('));
  const std::string gpu = device < 0 ? "no GPU" : fmt::format("GPU {}", device);
  neumf::fail("{} failed on {}: {} ({}, at {}:{})", call, gpu, reason, name, file, where.line());
}

}  // namespace

void fail(cudaError_t status, const char* call, const std::source_location& where) {
  report(cudaGetErrorString(status), cudaGetErrorName(status), call, where);
}

void fail(cublasStatus_t status, const char* call, const std::source_location& where) {
  report(cublasLtGetStatusString(status), cublasLtGetStatusName(status), call, where);
}

}  // namespace neumf::cuda
