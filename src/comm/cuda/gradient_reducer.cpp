#include "neumf/comm/gradient_reducer.hpp"

#include "neumf/comm/cuda_device.hpp"
#include "reducers.hpp"

namespace neumf {
namespace {

class NoReducer : public GradientReducer<Cuda> {
 public:
  void start(Context<Cuda>& /*context*/, std::span<float> /*data*/) override {}
  void finish(Context<Cuda>& /*context*/) override {}
  std::string name() const override { return "none (one rank)"; }
};

}  // namespace

template <>
std::unique_ptr<GradientReducer<Cuda>> make_gradient_reducer<Cuda>(Context<Cuda>& context,
                                                                   const Communicator& communicator) {
  if (communicator.size() == 1) return std::make_unique<NoReducer>();
#ifdef NEUMF_WITH_NCCL
  // NCCL refuses two ranks on one GPU.
  if (ranks_share_gpus(context.device(), communicator))
    return cuda::make_mpi_reducer(context, communicator, "ranks share a GPU");
  return cuda::make_nccl_reducer(context, communicator);
#else
  return cuda::make_mpi_reducer(context, communicator, "built without NCCL");
#endif
}

}  // namespace neumf
