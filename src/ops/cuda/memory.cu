#include "neumf/ops/memory.hpp"

#include "../instantiate.hpp"
#include "neumf/core/cuda/pack.cuh"
#include "neumf/core/cuda/team.cuh"
#include "neumf/random/philox.hpp"

namespace neumf {

template <>
void* Memory<Cuda>::allocate(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, bytes);  // aligned to 256 bytes
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    std::size_t available = 0, total = 0;
    static_cast<void>(cudaMemGetInfo(&available, &total));
    constexpr double mebibyte = 1048576.0;
    fail(
        "out of GPU memory: cannot allocate {:.1f} MiB, {:.1f} of {:.1f} MiB are free; use a smaller "
        "--batch_size or --valid_batch_size, --grads_accumulated, or more GPUs",
        static_cast<double>(bytes) / mebibyte, static_cast<double>(available) / mebibyte,
        static_cast<double>(total) / mebibyte);
  }
  NEUMF_CUDA(status);
  return data;
}

template <>
void Memory<Cuda>::release(void* data) noexcept {
  if (data != nullptr) static_cast<void>(cudaFree(data));
}

namespace ops {
namespace {

template <class T, int V>
__global__ void convert_kernel(const float* __restrict__ in, T* __restrict__ out, std::int64_t count) {
  const std::int64_t first = (blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x) * V;
  if (first >= count) return;
  float values[V];
  cuda::load<V>(in + first, values);
  cuda::store<V>(out + first, values);
}

// Calls fill(4 random words, out) for every 4 columns of every row, a thread each.
template <class Fill>
__global__ void fill_rows_kernel(Philox philox, std::uint64_t first_row, Matrix<float> out,
                                 std::int64_t quads, Fill fill) {
  const std::int64_t i = blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x;
  if (i >= out.rows * quads) return;
  const std::int64_t row = i / quads, quad = i % quads;
  float values[4];
  fill(philox(first_row + static_cast<std::uint64_t>(row), static_cast<std::uint32_t>(quad)), values);
#pragma unroll
  for (int j = 0; j < 4; ++j)
    if (quad * 4 + j < out.cols) out.row(row)[quad * 4 + j] = values[j];
}

struct Normal {
  float stddev;
  __device__ void operator()(const r123::Philox4x32::ctr_type& bits, float (&values)[4]) const {
#pragma unroll
    for (int pair = 0; pair < 4; pair += 2) {
      const float radius = stddev * sqrtf(-2.0f * logf(open_unit(bits.v[pair])));
      const float angle = 2.0f * 3.14159265358979f * open_unit(bits.v[pair + 1]);
      values[pair] = radius * cosf(angle);
      values[pair + 1] = radius * sinf(angle);
    }
  }
};

struct Uniform {
  float limit;
  __device__ void operator()(const r123::Philox4x32::ctr_type& bits, float (&values)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) values[i] = limit * (2.0f * open_unit(bits.v[i]) - 1.0f);
  }
};

template <class Fill>
void fill_rows(Context<Cuda>& context, const InitSpec& spec, Matrix<float> out, const Fill& fill) {
  if (out.size() == 0) return;
  const Philox philox(spec.seed, RandomStream::initialisation, spec.tensor);
  const std::int64_t quads = (out.cols + 3) / 4;
  fill_rows_kernel<<<cuda::blocks_for(out.rows * quads, cuda::block_threads), cuda::block_threads, 0,
                     context.stream()>>>(philox, spec.first_row, out, quads, fill);
  cuda::check_launch("fill_rows_kernel");
}

}  // namespace

template <class Device, class T>
void fill_zero(Context<Device>& context, std::span<T> data) {
  if (!data.empty()) NEUMF_CUDA(cudaMemsetAsync(data.data(), 0, data.size_bytes(), context.stream()));
}

template <class Device, class T>
void convert(Context<Device>& context, std::span<const float> in, std::span<T> out) {
  const auto count = static_cast<std::int64_t>(in.size());
  const bool wide = cuda::aligned(in.data(), 16) && cuda::aligned(out.data(), 16);
  cuda::in_vectors(count, wide, [&](auto vector, std::int64_t begin, std::int64_t end) {
    constexpr int V = decltype(vector)::value;
    convert_kernel<T, V><<<cuda::blocks_for(end - begin, cuda::block_threads * V), cuda::block_threads, 0,
                           context.stream()>>>(in.data() + begin, out.data() + begin, end - begin);
    cuda::check_launch("convert_kernel");
  });
}

NEUMF_FOR_EACH_TYPE(NEUMF_MEMORY, Cuda)
template void fill_zero<Cuda, double>(Context<Cuda>&, std::span<double>);

template <>
void fill_normal<Cuda>(Context<Cuda>& context, const InitSpec& spec, float stddev, Matrix<float> out) {
  fill_rows(context, spec, out, Normal{stddev});
}

template <>
void fill_uniform<Cuda>(Context<Cuda>& context, const InitSpec& spec, float limit, Matrix<float> out) {
  fill_rows(context, spec, out, Uniform{limit});
}

}  // namespace ops
}  // namespace neumf
