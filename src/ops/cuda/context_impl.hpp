// The inside of Context<Cuda>.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <tuple>
#include <vector>

#include "neumf/core/context.hpp"
#include "neumf/core/cuda/handles.hpp"
#include "neumf/core/tensor.hpp"

namespace neumf {

// What distinguishes compiled matrix products, see src/ops/cuda/matmul.hpp.
struct CudaMatmulKey {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b, accumulate, tf32;
  int in, out;  // cudaDataType_t
  int epilogue;
  int alignment_a, alignment_b, alignment_c, alignment_bias, alignment_mask;  // bytes
  auto operator<=>(const CudaMatmulKey&) const = default;
};

struct CudaMatmul {
  cuda::LtProduct product;
  cuda::LtLayout a, b, c;
  std::vector<cublasLtMatmulAlgo_t> algorithms;  // the one in use first, then those to try if it does not run
  bool supported = false;
  bool tuned = false;
};

struct Context<Cuda>::Impl {
  cuda::Stream stream;
  cuda::LtHandle blas;
  Tensor<std::uint8_t, Cuda> workspace;  // of the matrix library
  std::map<CudaMatmulKey, CudaMatmul> matmuls;
  // Which of two ways of computing the same is used: (operation, type, rows, in, out) -> way.
  std::map<std::tuple<int, int, std::int64_t, std::int64_t, std::int64_t>, int> choices;
  // The last one is in use. Earlier, smaller ones stay, since recorded graphs may point into them.
  std::vector<Tensor<std::uint8_t, Cuda>> scratch;
  std::function<void()> watch;
};

namespace cuda {

// Waits until `query`, cudaStreamQuery or cudaEventQuery, says that its work has finished, and asks the
// context's watch meanwhile. Throws Error if the work failed.
void wait_for(const Context<Cuda>& context, const std::function<cudaError_t()>& query);

// Memory for the intermediate results of one operation; the next operation reuses it (the stream keeps them
// apart). Grows at first use, never while a graph is recorded.
class Scratch {
 public:
  // Offsets are handed out first, then the memory is fetched once.
  template <class T>
  std::size_t add(std::int64_t count) {
    const std::size_t offset = bytes_;
    bytes_ += (static_cast<std::size_t>(count) * sizeof(T) + 255) / 256 * 256;
    return offset;
  }
  void fetch(Context<Cuda>& context);
  template <class T>
  T* at(std::size_t offset) const {
    return reinterpret_cast<T*>(data_ + offset);
  }

 private:
  std::size_t bytes_ = 0;
  std::uint8_t* data_ = nullptr;
};

template <class T>
T* scratch(Context<Cuda>& context, std::int64_t count) {
  Scratch memory;
  const std::size_t offset = memory.add<T>(count);
  memory.fetch(context);
  return memory.at<T>(offset);
}

}  // namespace cuda
}  // namespace neumf
