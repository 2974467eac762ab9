// Gradients from GPU to GPU through NCCL, on a stream of their own beside the backward pass.
#include <nccl.h>

#include <cstdlib>
#include <exception>
#include <utility>
#include <vector>

#include "neumf/core/cuda/handles.hpp"
#include "neumf/core/cuda/pack.cuh"
#include "neumf/core/cuda/team.cuh"
#include "neumf/core/tensor.hpp"
#include "reducers.hpp"

namespace neumf::cuda {
namespace {

void check_nccl(ncclResult_t status, const char* call, ncclComm_t comm = nullptr) {
  if (status == ncclSuccess) return;
  neumf::fail("{} failed: {} ({}); NCCL_DEBUG=WARN tells more", call, ncclGetErrorString(status),
              ncclGetLastError(comm));
}

// A thread per element: some megabytes, a fraction of the time that the exchange takes.
template <class Wire>
__global__ void __launch_bounds__(block_threads)
    to_wire_kernel(const float* __restrict__ in, std::int64_t count, Wire* __restrict__ out) {
  const std::int64_t i = blockIdx.x * std::int64_t{block_threads} + threadIdx.x;
  if (i < count) out[i] = narrow<Wire>(in[i]);
}

template <class Wire>
__global__ void __launch_bounds__(block_threads)
    from_wire_kernel(const Wire* __restrict__ in, std::int64_t count, float* __restrict__ out) {
  const std::int64_t i = blockIdx.x * std::int64_t{block_threads} + threadIdx.x;
  if (i < count) out[i] = widen(in[i]);
}

class NcclReducer : public GradientReducer<Cuda> {
 public:
  NcclReducer(Context<Cuda>& context, const Communicator& communicator)
      : context_(context), rank_(communicator.rank()), stream_(make_stream()), event_(make_event()) {
    if (context.settings().reproducible_exchange) {
      setenv("NCCL_ALGO", "Ring", 0);
      setenv("NCCL_PROTO", "Simple", 0);
    }
    // Rank 0 tells the others where to meet, or that it could not.
    struct Invitation {
      ncclUniqueId id;
      int status;
    } invitation{};
    if (communicator.is_root()) invitation.status = ncclGetUniqueId(&invitation.id);
    communicator.broadcast(std::as_writable_bytes(std::span(&invitation, 1)));
    check_nccl(static_cast<ncclResult_t>(invitation.status), "ncclGetUniqueId");
    check_nccl(ncclCommInitRank(&comm_, communicator.size(), invitation.id, communicator.rank()),
               "ncclCommInitRank");
    context_.set_watch([this] { watch(); });
  }

  // After an exception, which this rank may be alone with, what was started may never end: it is aborted,
  // since freeing the memory that it uses would wait for it.
  ~NcclReducer() override {
    context_.set_watch({});
    if (comm_ == nullptr) return;
    if (std::uncaught_exceptions() == 0 && cudaStreamSynchronize(stream_.get()) == cudaSuccess)
      static_cast<void>(ncclCommDestroy(comm_));
    else
      static_cast<void>(ncclCommAbort(comm_));
  }

  void start(Context<Cuda>& context, std::span<float> data) override {
    require(!context.capturing(),
            "the gradient exchange cannot be recorded: ranks record at different steps");
    if (data.empty()) return;
    NEUMF_CUDA(cudaEventRecord(event_.get(), context.stream()));
    NEUMF_CUDA(cudaStreamWaitEvent(stream_.get(), event_.get()));
    switch (context.settings().allreduce) {
      case AllreduceType::fp32:
        reduce(data.data(), data.size(), ncclFloat);
        bytes_ += data.size_bytes();
        break;
      case AllreduceType::fp16:
        reduce_as<float16>(data, ncclHalf);
        break;
      case AllreduceType::bf16:
        reduce_as<bfloat16>(data, ncclBfloat16);
        break;
    }
    ++started_;
  }

  void finish(Context<Cuda>& context) override {
    started_ = 0;
    NEUMF_CUDA(cudaEventRecord(event_.get(), stream_.get()));
    NEUMF_CUDA(cudaStreamWaitEvent(context.stream(), event_.get()));
    watch();
  }

  bool asynchronous() const override { return true; }

  std::string name() const override {
    int version = 0;
    static_cast<void>(ncclGetVersion(&version));
    const auto type = context_.settings().allreduce;
    return fmt::format("NCCL {}.{}.{}{}", version / 10000, version / 100 % 100, version % 100,
                       type == AllreduceType::fp32   ? ""
                       : type == AllreduceType::fp16 ? ", fp16 on the wire"
                                                     : ", bf16 on the wire");
  }

 private:
  void reduce(void* data, std::size_t count, ncclDataType_t type) {
    check_nccl(ncclAllReduce(data, data, count, type, ncclSum, comm_, stream_.get()), "ncclAllReduce", comm_);
  }

  template <class Wire>
  void reduce_as(std::span<float> data, ncclDataType_t type) {
    const auto count = static_cast<std::int64_t>(data.size());
    if (wires_.size() <= started_) wires_.resize(started_ + 1);
    auto& memory = wires_[started_];
    if (memory.size() < count) memory = Tensor<std::uint16_t, Cuda>(count);
    auto* wire = reinterpret_cast<Wire*>(memory.data());
    const unsigned blocks = blocks_for(count, block_threads);
    to_wire_kernel<Wire><<<blocks, block_threads, 0, stream_.get()>>>(data.data(), count, wire);
    check_launch("to_wire_kernel");
    reduce(wire, data.size(), type);
    from_wire_kernel<Wire><<<blocks, block_threads, 0, stream_.get()>>>(wire, count, data.data());
    check_launch("from_wire_kernel");
    bytes_ += data.size() * sizeof(Wire);
  }

  // A rank that has gone leaves the others' kernels waiting for ever: abort the exchange and say so.
  void watch() {
    if (comm_ == nullptr) neumf::fail("rank {}: the gradient exchange was aborted", rank_);
    ncclResult_t status = ncclSuccess;
    check_nccl(ncclCommGetAsyncError(comm_, &status), "ncclCommGetAsyncError", comm_);
    if (status == ncclSuccess || status == ncclInProgress) return;
    const std::string reason = fmt::format("{} ({})", ncclGetErrorString(status), ncclGetLastError(comm_));
    static_cast<void>(ncclCommAbort(std::exchange(comm_, nullptr)));
    neumf::fail(
        "rank {}: the gradient exchange through NCCL failed: {}; another rank may have stopped, and "
        "NCCL_DEBUG=WARN tells more",
        rank_, reason);
  }

  Context<Cuda>& context_;
  int rank_;
  Stream stream_;
  Event event_;
  ncclComm_t comm_ = nullptr;
  std::vector<Tensor<std::uint16_t, Cuda>> wires_;  // of one exchange, reused by the next
  std::size_t started_ = 0;
};

}  // namespace

std::unique_ptr<GradientReducer<Cuda>> make_nccl_reducer(Context<Cuda>& context,
                                                         const Communicator& communicator) {
  return std::make_unique<NcclReducer>(context, communicator);
}

}  // namespace neumf::cuda
