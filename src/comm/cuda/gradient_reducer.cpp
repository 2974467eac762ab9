#include "neumf/comm/gradient_reducer.hpp"

#include "../no_reducer.hpp"
#include "neumf/comm/cuda_device.hpp"
#include "reducers.hpp"

namespace neumf {

template <>
std::unique_ptr<GradientReducer<Cuda>> make_gradient_reducer<Cuda>(Context<Cuda>& context,
                                                                   const Communicator& communicator) {
  if (communicator.size() == 1) return std::make_unique<NoReducer<Cuda>>();
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
