// Gradients through the host: copied to pinned memory, summed by MPI, copied back. For ranks that share a
// GPU, and for builds without NCCL.
#include <utility>
#include <vector>

#include "neumf/core/cuda/handles.hpp"
#include "reducers.hpp"

namespace neumf::cuda {
namespace {

using PinnedMemory = std::unique_ptr<float, Destroy<cudaFreeHost>>;

class MpiReducer : public GradientReducer<Cuda> {
 public:
  MpiReducer(const Communicator& communicator, std::string why)
      : communicator_(communicator), why_(std::move(why)), stream_(make_stream()), event_(make_event()) {}
  ~MpiReducer() override { static_cast<void>(cudaStreamSynchronize(stream_.get())); }

  void start(Context<Cuda>& context, std::span<float> data) override {
    require(!context.capturing(), "gradients that go through MPI cannot be recorded into a graph");
    if (data.empty()) return;
    if (pending_ == pieces_.size()) pieces_.push_back({nullptr, 0, {}, make_event()});
    Piece& piece = pieces_[pending_++];
    if (piece.capacity < data.size()) {
      void* memory = nullptr;
      NEUMF_CUDA(cudaMallocHost(&memory, data.size_bytes()));
      piece.host.reset(static_cast<float*>(memory));
      piece.capacity = data.size();
    }
    piece.device = data;
    NEUMF_CUDA(cudaEventRecord(event_.get(), context.stream()));
    NEUMF_CUDA(cudaStreamWaitEvent(stream_.get(), event_.get()));
    NEUMF_CUDA(cudaMemcpyAsync(piece.host.get(), data.data(), data.size_bytes(), cudaMemcpyDeviceToHost,
                               stream_.get()));
    NEUMF_CUDA(cudaEventRecord(piece.copied.get(), stream_.get()));
    bytes_ += data.size_bytes();
  }

  void finish(Context<Cuda>& context) override {
    for (std::size_t i = 0; i < pending_; ++i) {
      const Piece& piece = pieces_[i];
      NEUMF_CUDA(cudaEventSynchronize(piece.copied.get()));
      const std::span<float> host(piece.host.get(), piece.device.size());
      communicator_.allreduce_sum(host);
      // The next piece is summed while this one is on its way back.
      NEUMF_CUDA(cudaMemcpyAsync(piece.device.data(), host.data(), host.size_bytes(), cudaMemcpyHostToDevice,
                                 stream_.get()));
    }
    pending_ = 0;
    NEUMF_CUDA(cudaEventRecord(event_.get(), stream_.get()));
    NEUMF_CUDA(cudaStreamWaitEvent(context.stream(), event_.get()));
  }

  // The copies to the host run beside the backward pass.
  bool asynchronous() const override { return true; }
  std::string name() const override { return "MPI (" + why_ + ")"; }
  std::string warning() const override {
    return why_ + ": gradients go through the host's memory and MPI, which is slower than NCCL";
  }

 private:
  struct Piece {
    PinnedMemory host;
    std::size_t capacity = 0;
    std::span<float> device;
    Event copied;
  };

  const Communicator& communicator_;
  std::string why_;
  Stream stream_;
  Event event_;
  std::vector<Piece> pieces_;  // of one exchange, reused by the next
  std::size_t pending_ = 0;
};

}  // namespace

std::unique_ptr<GradientReducer<Cuda>> make_mpi_reducer(Context<Cuda>& /*context*/,
                                                        const Communicator& communicator, std::string why) {
  return std::make_unique<MpiReducer>(communicator, std::move(why));
}

}  // namespace neumf::cuda
