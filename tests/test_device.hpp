// The device of a test program. What stands above the operations is tested by the same source on every
// device: neumf_test(... DEVICES) builds it once for CPUs, and once for GPUs (or simulated ones).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#ifdef NEUMF_WITH_CUDA
#include "neumf/comm/cuda_device.hpp"
#endif

namespace neumf::test {

#ifdef NEUMF_TEST_CUDA
using Device = Cuda;
#else
using Device = Cpu;
#endif
inline constexpr bool on_cpu = std::is_same_v<Device, Cpu>;

// A rank's context, whose results are the same in every run. A GPU has no use for `threads`.
template <class Device>
struct TestContext;

template <>
struct TestContext<Cpu> : Context<Cpu> {
  explicit TestContext(int threads = 1) : Context<Cpu>(threads) {}
};

#ifdef NEUMF_WITH_CUDA
template <>
struct TestContext<Cuda> : Context<Cuda> {
  explicit TestContext(int /*threads*/ = 1)
      : Context<Cuda>(cuda_device_for(Communicator::world()), settings()) {}
  static CudaSettings settings() {
    CudaSettings settings;
    settings.tune_products = false;
    settings.reproducible_exchange = true;
    return settings;
  }
};
#endif

// What lies on a device, as bytes: any trivially copyable type can be fetched and sent.
template <class Device, class T>
std::vector<T> fetch(Context<Device>& context, const T* data, std::size_t count) {
  std::vector<T> host(count);
  download(context, reinterpret_cast<const std::uint8_t*>(data),
           std::span<std::uint8_t>(reinterpret_cast<std::uint8_t*>(host.data()), count * sizeof(T)));
  return host;
}
template <class Device, class T>
std::vector<std::remove_const_t<T>> fetch(Context<Device>& context, std::span<T> data) {
  return fetch<Device, std::remove_const_t<T>>(context, data.data(), data.size());
}
template <class Device, class T>
std::vector<std::remove_const_t<T>> fetch(Context<Device>& context, Matrix<T> data) {
  return fetch<Device, std::remove_const_t<T>>(context, data.data, static_cast<std::size_t>(data.size()));
}

template <class Device, class T>
void send(Context<Device>& context, const std::vector<T>& host, T* data) {
  upload(context,
         std::span<const std::uint8_t>(reinterpret_cast<const std::uint8_t*>(host.data()),
                                       host.size() * sizeof(T)),
         reinterpret_cast<std::uint8_t*>(data));
}

// Changes what lies on a device: change(values).
template <class Device, class T, class Change>
void edit(Context<Device>& context, std::span<T> data, const Change& change) {
  std::vector<T> host = fetch(context, data);
  change(host);
  send(context, host, data.data());
}
template <class Device, class T, class Change>
void edit(Context<Device>& context, Matrix<T> data, const Change& change) {
  edit(context, std::span<T>(data.data, static_cast<std::size_t>(data.size())), change);
}

// A vector of the host's on the device.
template <class Device, class T>
Tensor<T, Device> to_device(Context<Device>& context, const std::vector<T>& host) {
  Tensor<T, Device> tensor(static_cast<std::int64_t>(host.size()));
  send(context, host, tensor.data());
  return tensor;
}

}  // namespace neumf::test
