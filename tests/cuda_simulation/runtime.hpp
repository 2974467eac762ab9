// What the simulated CUDA runtime shares with the libraries that stand on it.
#pragma once

#include <cuda_runtime_api.h>

namespace neumf::simulation {

// What cudaGetLastError() returns next; success leaves it as it is.
void set_last_error(cudaError_t status);
// GPUs that this process sees (NEUMF_SIM_GPUS), and the one that it uses.
int gpus();
int current_gpu();

}  // namespace neumf::simulation
