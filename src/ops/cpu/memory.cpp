#include "neumf/ops/memory.hpp"

#include <sys/mman.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numbers>

#include "../instantiate.hpp"
#include "neumf/core/error.hpp"
#include "neumf/random/philox.hpp"
#include "parallel.hpp"
#include "vector.hpp"

namespace neumf {

template <>
void* Memory<Cpu>::allocate(std::size_t bytes) {
  constexpr std::size_t huge_page = std::size_t{2} << 20;
  if (bytes == 0) return nullptr;
  // Large tables are read in random order: huge pages spare most of the address translation.
  const std::size_t alignment = bytes >= huge_page / 2 ? huge_page : 64;
  const std::size_t size = (bytes + alignment - 1) / alignment * alignment;
  void* data = std::aligned_alloc(alignment, size);
  if (data == nullptr)
    fail("out of memory: cannot allocate {:.1f} MiB; use more ranks, or a smaller model or batch",
         static_cast<double>(size) / 1048576.0);
  if (alignment == huge_page) madvise(data, size, MADV_HUGEPAGE);
  return data;
}

template <>
void Memory<Cpu>::release(void* data) noexcept {
  std::free(data);
}

namespace ops {

template <class Device, class T>
void fill_zero(Context<Device>& context, std::span<T> data) {
  cpu::parallel_ranges(context, data.size(), 1 << 16, [&](int, std::size_t begin, std::size_t end) {
    std::memset(static_cast<void*>(data.data() + begin), 0, (end - begin) * sizeof(T));
  });
}

template <class Device, class T>
void convert(Context<Device>& context, std::span<const float> in, std::span<T> out) {
  cpu::parallel_ranges(context, in.size(), 1 << 15, [&](int, std::size_t begin, std::size_t end) {
    cpu::narrow(in.data() + begin, out.data() + begin, end - begin);
  });
}

NEUMF_FOR_EACH_TYPE(NEUMF_MEMORY, Cpu)
template void fill_zero<Cpu, double>(Context<Cpu>&, std::span<double>);

namespace {

// Calls fill(block of 4 random words, out) for every 4 columns of every row.
template <class Fill>
void fill_rows(Context<Cpu>& context, const InitSpec& spec, Matrix<float> out, const Fill& fill) {
  const Philox philox(spec.seed, RandomStream::initialisation, spec.tensor);
  cpu::parallel_ranges(context, out.rows, 256, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t col = 0; col < out.cols; col += 4) {
        float values[4];
        fill(philox(spec.first_row + static_cast<std::uint64_t>(row), static_cast<std::uint32_t>(col / 4)),
             values);
        std::copy(values, values + std::min<std::int64_t>(4, out.cols - col), out.row(row) + col);
      }
    }
  });
}

}  // namespace

template <>
void fill_normal<Cpu>(Context<Cpu>& context, const InitSpec& spec, float stddev, Matrix<float> out) {
  fill_rows(context, spec, out, [&](const auto& bits, float* values) {
    for (int pair = 0; pair < 4; pair += 2) {
      const float radius = stddev * std::sqrt(-2.0f * std::log(open_unit(bits.v[pair])));
      const float angle = 2.0f * std::numbers::pi_v<float> * open_unit(bits.v[pair + 1]);
      values[pair] = radius * std::cos(angle);
      values[pair + 1] = radius * std::sin(angle);
    }
  });
}

template <>
void fill_uniform<Cpu>(Context<Cpu>& context, const InitSpec& spec, float limit, Matrix<float> out) {
  fill_rows(context, spec, out, [&](const auto& bits, float* values) {
    for (int i = 0; i < 4; ++i) values[i] = limit * (2.0f * open_unit(bits.v[i]) - 1.0f);
  });
}

}  // namespace ops
}  // namespace neumf
