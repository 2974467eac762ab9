// The ways in which GPUs exchange gradients.
#pragma once

#include <memory>
#include <string>

#include "neumf/comm/gradient_reducer.hpp"

namespace neumf::cuda {

// Through the host's memory. `why` is said to people.
std::unique_ptr<GradientReducer<Cuda>> make_mpi_reducer(Context<Cuda>& context,
                                                        const Communicator& communicator, std::string why);
// From GPU to GPU. Collective. Every rank must have a GPU of its own.
std::unique_ptr<GradientReducer<Cuda>> make_nccl_reducer(Context<Cuda>& context,
                                                         const Communicator& communicator);

}  // namespace neumf::cuda
