// A GPU: its stream, the matrix library's handle and the memory that operations borrow. Part of
// core/context.hpp in builds with CUDA; names no CUDA header, so that host code needs none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>

struct CUstream_st;

namespace neumf {

template <class Device>
class Context;

// The type in which gradients travel between GPUs.
enum class AllreduceType { fp32, fp16, bf16 };

struct CudaSettings {
  // fp32 matrix products may round their inputs to TF32 (10 bits of mantissa).
  bool allow_tf32 = false;
  // Time the matrix library's best candidates at the first use of a shape. The choice may differ from run to
  // run, and with it the last bits of results; off, the library's first suggestion is taken.
  bool tune_products = true;
  // NCCL adds gradients up in rings, whose order is the same in every run on the same ranks; otherwise it
  // chooses the algorithm, and of some of them it promises no order. Variables of NCCL that the user has set
  // prevail.
  bool reproducible_exchange = false;
  // Half the bytes with a 16-bit type. fp16 needs loss scaling, or small gradients vanish; sums that exceed
  // its range come out infinite, which loss scaling handles as well.
  AllreduceType allreduce = AllreduceType::fp32;
};

template <>
class Context<Cuda> {
 public:
  // Uses GPU number `device`, and makes it the calling thread's current device: memory of Tensor<T, Cuda> is
  // allocated there. Throws Error if there is no such device, or if it is older than the code was built for.
  explicit Context(int device, const CudaSettings& settings = {});
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // GPUs that this process may use; 0 also where no driver is installed.
  static int device_count();

  int device() const { return device_; }
  // For people: "NVIDIA H100 80GB HBM3".
  const std::string& device_name() const { return device_name_; }
  std::string description() const { return device_name_; }
  int multiprocessors() const { return multiprocessors_; }
  std::size_t device_bytes() const { return device_bytes_; }
  // Host threads that operations use.
  static int threads() { return 1; }
  const CudaSettings& settings() const { return settings_; }
  CudaSettings& settings() { return settings_; }

  // A GPU works best on everything at once: a micro-batch is one block. Positions within a block are 32-bit.
  std::int64_t block_samples() const { return std::numeric_limits<std::int32_t>::max(); }
  // All work of operations is submitted here, in order.
  CUstream_st* stream() const;
  // Waits until everything submitted has finished. Throws Error if any of it failed.
  void synchronize() const;
  // Whether submitted work is being recorded into a graph (core/cuda_graph.hpp).
  bool capturing() const;
  // Called again and again while synchronize() waits, to throw Error if the wait has become hopeless (another
  // rank failed). An empty function removes it.
  void set_watch(std::function<void()> watch);

  struct Impl;  // see src/ops/cuda/context_impl.hpp
  Impl& impl() { return *impl_; }
  const Impl& impl() const { return *impl_; }

 private:
  int device_;
  CudaSettings settings_;
  std::string device_name_;
  int multiprocessors_ = 0;
  std::size_t device_bytes_ = 0;
  std::unique_ptr<Impl> impl_;
};

}  // namespace neumf
