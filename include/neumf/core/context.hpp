// What an operation needs to run on a device: threads and the matrix library's handles on a CPU; the stream
// and the library's handles on a GPU. One per rank, passed to every operation, never global.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "neumf/core/device.hpp"

namespace neumf {

template <class Device>
class Context;

template <>
class Context<Cpu> {
 public:
  // `threads` OpenMP threads for every operation of this process.
  explicit Context(int threads);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  int threads() const { return threads_; }
  // For people: "cpu, 2 threads each".
  std::string description() const;
  // Samples per block of a training step that keep a block's activations in the caches near the cores.
  int block_samples() const { return 1024 * threads_; }
  // Waits until everything submitted has finished. Nothing to wait for on a CPU.
  void synchronize() const {}

  struct Impl;  // oneDNN engine and compiled matrix products, see src/ops/cpu/context_impl.hpp
  Impl& impl() { return *impl_; }

 private:
  int threads_;
  std::unique_ptr<Impl> impl_;
};

// Copies between host and device memory, ordered with the context's other work. `download` returns when the
// host data are valid.
template <class Device, class T>
void upload(Context<Device>& context, std::span<const T> host, T* device);
template <class Device, class T>
void download(Context<Device>& context, const T* device, std::span<T> host);

}  // namespace neumf

#ifdef NEUMF_WITH_CUDA
#include "neumf/core/cuda_context.hpp"
#endif
