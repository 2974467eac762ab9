#include "neumf/ops/embedding.hpp"

#include <cub/device/device_radix_sort.cuh>

#include <bit>

#include "../instantiate.hpp"
#include "segmented_sum.cuh"

namespace neumf::ops {
namespace {

// Rows as `units` units of 16, 4 or 2 bytes. Four rows per team are in flight.
template <class Unit>
__global__ void __launch_bounds__(cuda::block_threads)
    gather_kernel(const Unit* __restrict__ table, std::int64_t units, const std::uint32_t* __restrict__ ids,
                  std::int64_t count, int team_size, Unit* __restrict__ out) {
  constexpr int unroll = 4;
  const cuda::Team team(team_size);
  const std::int64_t first = team.index * unroll;
  if (first >= count) return;
  const Unit* rows[unroll];
#pragma unroll
  for (int u = 0; u < unroll; ++u) rows[u] = table + ids[min(first + u, count - 1)] * units;
  for (std::int64_t unit = team.lane; unit < units; unit += team.size) {
    Unit values[unroll];
#pragma unroll
    for (int u = 0; u < unroll; ++u) values[u] = rows[u][unit];
#pragma unroll
    for (int u = 0; u < unroll; ++u)
      if (first + u < count) out[(first + u) * units + unit] = values[u];
  }
}

template <class Unit>
void gather(Context<Cuda>& context, const void* table, std::int64_t row_bytes, const std::uint32_t* ids,
            std::int64_t count, void* out) {
  const std::int64_t units = row_bytes / static_cast<std::int64_t>(sizeof(Unit));
  const int team =
      static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(std::min<std::int64_t>(units, 32))));
  gather_kernel<<<cuda::blocks_for(count, cuda::block_threads / team * 4), cuda::block_threads, 0,
                  context.stream()>>>(static_cast<const Unit*>(table), units, ids, count, team,
                                      static_cast<Unit*>(out));
  cuda::check_launch("gather_kernel");
}

__global__ void positions_kernel(std::uint32_t* out, std::int64_t count) {
  const std::int64_t i = blockIdx.x * std::int64_t{cuda::block_threads} + threadIdx.x;
  if (i < count) out[i] = static_cast<std::uint32_t>(i);
}

cudaError_t sort(void* temporary, std::size_t& bytes, const std::uint32_t* ids, std::uint32_t* keys,
                 const std::uint32_t* positions, std::uint32_t* order, std::int64_t count, int bits,
                 cudaStream_t stream) {
  return cub::DeviceRadixSort::SortPairs(temporary, bytes, ids, keys, positions, order,
                                         static_cast<int>(count), 0, bits, stream);
}

}  // namespace

template <class Device, class T>
void gather_rows(Context<Device>& context, Matrix<const T> table, const std::uint32_t* ids, Matrix<T> out) {
  if (out.size() == 0) return;
  const std::int64_t row_bytes = table.cols * static_cast<std::int64_t>(sizeof(T));
  const auto fits = [&](std::size_t unit) {
    return row_bytes % static_cast<std::int64_t>(unit) == 0 && cuda::aligned(table.data, unit) &&
           cuda::aligned(out.data, unit);
  };
  if (fits(16))
    gather<uint4>(context, table.data, row_bytes, ids, out.rows, out.data);
  else if (fits(4))
    gather<std::uint32_t>(context, table.data, row_bytes, ids, out.rows, out.data);
  else
    gather<std::uint16_t>(context, table.data, row_bytes, ids, out.rows, out.data);
}

ScatterPlan<Cuda>::ScatterPlan(std::int64_t capacity_)
    : capacity(capacity_), keys(capacity_), order(capacity_), positions(capacity_) {
  if (capacity == 0) return;
  require(capacity <= std::numeric_limits<std::int32_t>::max(),
          "a block of {} samples is too large for a GPU: use at most {}", capacity,
          std::numeric_limits<std::int32_t>::max());
  // Sorting all 32 bits needs no less memory than sorting some of them.
  std::size_t needed = 0;
  NEUMF_CUDA(sort(nullptr, needed, nullptr, nullptr, nullptr, nullptr, capacity, 32, nullptr));
  temporary.emplace_back(static_cast<std::int64_t>(std::max<std::size_t>(needed, 1)));
}

std::size_t ScatterPlan<Cuda>::bytes() const {
  std::size_t sum = keys.bytes() + order.bytes() + positions.bytes();
  for (const auto& memory : temporary) sum += memory.bytes();
  return sum;
}

template <>
void plan_scatter<Cuda>(Context<Cuda>& context, const std::uint32_t* ids, std::int64_t count,
                        std::int64_t rows, ScatterPlan<Cuda>& plan) {
  require(count <= plan.capacity, "a scatter-add of {} rows was planned with room for {}", count,
          plan.capacity);
  plan.ids = ids;
  plan.count = count;
  if (count == 0) return;
  if (!plan.numbered) {
    positions_kernel<<<cuda::blocks_for(plan.capacity, cuda::block_threads), cuda::block_threads, 0,
                       context.stream()>>>(plan.positions.data(), plan.capacity);
    cuda::check_launch("positions_kernel");
    plan.numbered = !context.capturing();  // what is recorded has not run
  }
  // Only the bits that differ: 15 instead of 32 for the items of ML-20m, half the passes.
  const int bits = std::max(
      1, static_cast<int>(std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(rows - 1, 1)))));
  std::size_t needed = 0;
  NEUMF_CUDA(sort(nullptr, needed, ids, plan.keys.data(), plan.positions.data(), plan.order.data(), count,
                  bits, context.stream()));
  if (needed > plan.temporary.back().bytes()) {
    require(!context.capturing(), "sorting {} ids needs more memory while a graph is being recorded", count);
    plan.temporary.emplace_back(static_cast<std::int64_t>(needed));
  }
  std::size_t bytes = plan.temporary.back().bytes();
  NEUMF_CUDA(sort(plan.temporary.back().data(), bytes, ids, plan.keys.data(), plan.positions.data(),
                  plan.order.data(), count, bits, context.stream()));
}

template <class Device, class T>
void scatter_add_rows(Context<Device>& context, const ScatterPlan<Device>& plan, Matrix<const T> values,
                      Matrix<float> table) {
  if (plan.count == 0 || table.cols == 0) return;
  const auto shape = cuda::row_shape(table.cols, values.data, table.data);
  cuda::Scratch memory;
  const cuda::RunMemory runs(plan, table.cols, memory);
  memory.fetch(context);
  cuda::scatter_add(context, plan, cuda::RowSource<T>{values.data, table.cols}, shape, table, runs, memory);
}

NEUMF_FOR_EACH_TYPE(NEUMF_EMBEDDING, Cuda)

}  // namespace neumf::ops
