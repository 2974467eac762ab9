#include "neumf/core/cuda_graph.hpp"

#include "neumf/core/cuda/handles.hpp"
#include "neumf/core/error.hpp"

namespace neumf {

struct CudaGraph::Impl {
  cuda::GraphExec executable;  // null where there are no nodes
  std::size_t nodes = 0;
  bool recorded = false;
};

CudaGraph::CudaGraph() : impl_(std::make_unique<Impl>()) {}
CudaGraph::~CudaGraph() = default;
CudaGraph::CudaGraph(CudaGraph&&) noexcept = default;
CudaGraph& CudaGraph::operator=(CudaGraph&&) noexcept = default;

void CudaGraph::begin(Context<Cuda>& context) {
  // Thread-local: other threads (of MPI, NCCL) may go on calling CUDA.
  NEUMF_CUDA(cudaStreamBeginCapture(context.stream(), cudaStreamCaptureModeThreadLocal));
}

void CudaGraph::end(Context<Cuda>& context) {
  cudaGraph_t recorded = nullptr;
  NEUMF_CUDA(cudaStreamEndCapture(context.stream(), &recorded));
  const cuda::Graph graph(recorded);
  NEUMF_CUDA(cudaGraphGetNodes(graph.get(), nullptr, &impl_->nodes));
  impl_->recorded = true;
  if (impl_->nodes == 0) return;

  if (impl_->executable) {
    cudaGraphExecUpdateResultInfo result{};
    if (cudaGraphExecUpdate(impl_->executable.get(), graph.get(), &result) == cudaSuccess) return;
    static_cast<void>(cudaGetLastError());  // another shape: made anew
    context.synchronize();                  // the old one may be running
    impl_->executable.reset();
  }
  cudaGraphExec_t executable = nullptr;
  NEUMF_CUDA(cudaGraphInstantiate(&executable, graph.get(), 0));
  impl_->executable.reset(executable);
  // Moves the set-up out of the first replay.
  NEUMF_CUDA(cudaGraphUpload(executable, context.stream()));
}

void CudaGraph::abandon(Context<Cuda>& context) noexcept {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  if (cudaStreamIsCapturing(context.stream(), &status) == cudaSuccess &&
      status != cudaStreamCaptureStatusNone) {
    cudaGraph_t recorded = nullptr;
    static_cast<void>(cudaStreamEndCapture(context.stream(), &recorded));
    cuda::Graph{recorded};
  }
  static_cast<void>(cudaGetLastError());
}

void CudaGraph::record(Context<Cuda>& context, const std::function<void()>& work) {
  begin(context);
  try {
    work();
  } catch (...) {
    abandon(context);
    throw;
  }
  end(context);
}

bool CudaGraph::recorded() const {
  return impl_->recorded;
}

std::size_t CudaGraph::nodes() const {
  return impl_->nodes;
}

void CudaGraph::replay(Context<Cuda>& context) {
  require(recorded(), "a graph was replayed before anything was recorded");
  if (impl_->nodes > 0) NEUMF_CUDA(cudaGraphLaunch(impl_->executable.get(), context.stream()));
}

}  // namespace neumf
