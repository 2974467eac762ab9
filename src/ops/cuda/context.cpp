#include "neumf/core/context.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "../instantiate.hpp"
#include "context_impl.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/types.hpp"
#include "neumf/ops/step_state.hpp"

namespace neumf {

int Context<Cuda>::device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    static_cast<void>(cudaGetLastError());  // no driver, no device: not an error of whatever comes next
    return 0;
  }
  return count;
}

Context<Cuda>::Context(int device, const CudaSettings& settings)
    : device_(device), settings_(settings), impl_(std::make_unique<Impl>()) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    fail("no GPU can be used: {}; check nvidia-smi and CUDA_VISIBLE_DEVICES, or run with --device cpu",
         cudaGetErrorString(status));
  }
  require(count > 0,
          "no GPU is visible to this process; check nvidia-smi and CUDA_VISIBLE_DEVICES, or run with "
          "--device cpu");
  require(device >= 0 && device < count, "there is no GPU {}: this process sees {}", device, count);
  NEUMF_CUDA(cudaSetDevice(device));
  cudaDeviceProp properties{};
  NEUMF_CUDA(cudaGetDeviceProperties(&properties, device));
  device_name_ = properties.name;
  require(properties.major >= 8,
          "GPU {} ({}) has compute capability {}.{}, but 8.0 or newer is needed; run with --device cpu",
          device, device_name_, properties.major, properties.minor);
  multiprocessors_ = properties.multiProcessorCount;
  device_bytes_ = properties.totalGlobalMem;

  impl_->stream = cuda::make_stream();
  cublasLtHandle_t blas = nullptr;
  NEUMF_CUDA(cublasLtCreate(&blas));
  impl_->blas.reset(blas);
  // What cuBLAS itself reserves on Hopper; split-K products of the weight gradients use it.
  impl_->workspace = Tensor<std::uint8_t, Cuda>(std::int64_t{32} << 20);
}

// Work may still be running that uses what goes away here.
Context<Cuda>::~Context() {
  static_cast<void>(cudaStreamSynchronize(impl_->stream.get()));
}

CUstream_st* Context<Cuda>::stream() const {
  return impl_->stream.get();
}

void Context<Cuda>::synchronize() const {
  if (impl_->watch)
    cuda::wait_for(*this, [this] { return cudaStreamQuery(stream()); });
  else
    NEUMF_CUDA(cudaStreamSynchronize(stream()));
}

void cuda::wait_for(const Context<Cuda>& context, const std::function<cudaError_t()>& query) {
  // Busy for the first moments, since most waits are short; then in naps.
  for (int round = 0;; ++round) {
    const cudaError_t status = query();
    if (status == cudaSuccess) return;
    if (status != cudaErrorNotReady) check(status, "waiting for the GPU");
    if (round < 2000) {
      std::this_thread::yield();
      continue;
    }
    if (context.impl().watch) context.impl().watch();
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

bool Context<Cuda>::capturing() const {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  NEUMF_CUDA(cudaStreamIsCapturing(stream(), &status));
  return status != cudaStreamCaptureStatusNone;
}

void Context<Cuda>::set_watch(std::function<void()> watch) {
  impl_->watch = std::move(watch);
}

void cuda::Scratch::fetch(Context<Cuda>& context) {
  auto& buffers = context.impl().scratch;
  if (buffers.empty() || buffers.back().bytes() < bytes_) {
    require(
        !context.capturing(),
        "an operation needs {} more bytes of memory while a graph is being recorded; run the same work once "
        "before recording it",
        bytes_);
    const std::size_t doubled = buffers.empty() ? 0 : 2 * buffers.back().bytes();
    buffers.emplace_back(static_cast<std::int64_t>(std::max({bytes_, doubled, std::size_t{1} << 20})));
  }
  data_ = buffers.back().data();
}

// Both return only when the host memory may be reused or read.
template <class Device, class T>
void upload(Context<Device>& context, std::span<const T> host, T* device) {
  if (host.empty()) return;
  NEUMF_CUDA(
      cudaMemcpyAsync(device, host.data(), host.size_bytes(), cudaMemcpyHostToDevice, context.stream()));
  context.synchronize();
}

template <class Device, class T>
void download(Context<Device>& context, const T* device, std::span<T> host) {
  if (host.empty()) return;
  // A copy to pageable memory waits for the stream inside the driver, where no watch could end it.
  context.synchronize();
  NEUMF_CUDA(
      cudaMemcpyAsync(host.data(), device, host.size_bytes(), cudaMemcpyDeviceToHost, context.stream()));
  context.synchronize();
}

NEUMF_FOR_EACH_COPIED(NEUMF_COPIES, Cuda)

}  // namespace neumf
