#include <algorithm>
#include <cstdint>

#include "neumf/comm/cuda_device.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/cuda/check.hpp"

namespace neumf {

int cuda_device_for(const Communicator& communicator) {
  const int count = Context<Cuda>::device_count();
  require(
      count > 0,
      "rank {} sees no GPU; check nvidia-smi and CUDA_VISIBLE_DEVICES on its machine, or run with --device "
      "cpu",
      communicator.rank());
  return communicator.node_rank() % count;
}

bool ranks_share_gpus(int device, const Communicator& communicator) {
  // Numbers of devices mean nothing between ranks that see different ones; their places on the bus do.
  cudaDeviceProp properties{};
  NEUMF_CUDA(cudaGetDeviceProperties(&properties, device));
  const std::uint64_t place = (static_cast<std::uint64_t>(properties.pciDomainID) << 32) |
                              (static_cast<std::uint64_t>(properties.pciBusID) << 8) |
                              static_cast<std::uint64_t>(properties.pciDeviceID);
  auto places = communicator.node_allgather(place);
  std::sort(places.begin(), places.end());
  const bool shared = std::adjacent_find(places.begin(), places.end()) != places.end();
  return communicator.max(std::int32_t{shared ? 1 : 0}) != 0;
}

}  // namespace neumf
