#include "neumf/ops/pair.hpp"

#include "../instantiate.hpp"
#include "activation.cuh"
#include "group_slices.cuh"
#include "neumf/core/cuda/pack.cuh"
#include "partial_sums.cuh"

namespace neumf::ops {
namespace {

using cuda::samples_in_flight;

// A team per slice of a group, with the user's half and the bias in registers. `out` may be `item_half`: a
// row is read before it is written, by the same lane.
template <class T, int V>
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    pair_forward_kernel(BatchView batch, const T* __restrict__ user_half, const T* item_half,
                        bool items_repeat, const std::uint32_t* __restrict__ item_index,
                        const float* __restrict__ bias, Dropout dropout, std::int64_t width,
                        std::uint32_t slices, int team_size, T* out) {
  dropout = dropout.read();
  const cuda::Team team(team_size);
  const cuda::Slice slice(batch, team.index, slices);
  const std::int64_t g = slice.group, group = slice.group_begin, end = slice.end;
  const std::int64_t column = team.column<V>(blockIdx.y);
  if (g >= batch.groups || column >= width) return;
  float user[V], b[V];
  cuda::load<V>(user_half + g * width + column, user);
  cuda::load<V>(bias + column, b);
#pragma unroll
  for (int i = 0; i < V; ++i) user[i] += b[i];
  const std::uint64_t first_id = dropout.active() ? batch.ids[g] : 0;

  // The item half's row of sample s, where there is no index.
  const std::int64_t first_row = items_repeat ? group : 0;
  for (std::int64_t s = slice.begin; s < end; s += samples_in_flight) {
    cuda::Pack<T, V> raw[samples_in_flight];
#pragma unroll
    for (int u = 0; u < samples_in_flight; ++u) {
      const std::int64_t sample = min(s + u, end - 1);
      const std::int64_t row = item_index != nullptr ? item_index[sample] : sample - first_row;
      raw[u] =
          s + u < end ? cuda::Pack<T, V>::load(item_half + row * width + column) : cuda::Pack<T, V>::zero();
    }
#pragma unroll
    for (int u = 0; u < samples_in_flight; ++u) {
      if (s + u >= end) break;
      float values[V];
      raw[u].widen_to(values);
#pragma unroll
      for (int i = 0; i < V; ++i) values[i] += user[i];
      cuda::activate<V>(dropout, first_id + static_cast<std::uint64_t>(s + u - group), column, values);
      cuda::store<V>(out + (s + u) * width + column, values);
    }
  }
}

// A team per group; the bias gradient's share of all its groups stays in registers.
template <class T, int V>
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    pair_backward_kernel(std::int32_t group_size, const T* __restrict__ dz, std::int64_t groups,
                         std::int64_t width, int team_size, T* __restrict__ group_sum,
                         float* __restrict__ partial) {
  const cuda::Team team(team_size);
  const std::int64_t column = team.column<V>(blockIdx.y);
  float total[V] = {};
  if (column < width) {
    for (std::int64_t g = team.index; g < groups; g += team.count) {
      float sum[V] = {};
      const std::int64_t begin = g * group_size, end = begin + group_size;
      for (std::int64_t s = begin; s < end; s += samples_in_flight) {
        cuda::Pack<T, V> raw[samples_in_flight];
#pragma unroll
        for (int u = 0; u < samples_in_flight; ++u)
          raw[u] =
              s + u < end ? cuda::Pack<T, V>::load(dz + (s + u) * width + column) : cuda::Pack<T, V>::zero();
#pragma unroll
        for (int u = 0; u < samples_in_flight; ++u) cuda::add(raw[u], sum);
      }
      cuda::store<V>(group_sum + g * width + column, sum);
#pragma unroll
      for (int i = 0; i < V; ++i) total[i] += sum[i];
    }
  }
  cuda::store_block_sums<V>(team, total, column, width, partial);
}

}  // namespace

template <class Device, class T>
void pair_forward(Context<Device>& context, const BatchView& batch, Matrix<const T> user_half,
                  Matrix<const T> item_half, const std::uint32_t* item_index, const float* bias,
                  const Dropout& dropout, Matrix<T> out) {
  if (out.size() == 0) return;
  const auto shape = cuda::row_shape(out.cols, user_half.data, item_half.data, bias, out.data);
  const std::uint32_t slices = cuda::slices_per_group(context, batch);
  const bool items_repeat = item_half.rows < batch.samples();  // a row per member of a group
  cuda::with_vector(shape, [&](auto vector) {
    constexpr int V = decltype(vector)::value;
    pair_forward_kernel<T, V>
        <<<cuda::grid_for(batch.groups * slices, shape.rows_per_block(), shape.tiles), cuda::block_threads, 0,
           context.stream()>>>(batch, user_half.data, item_half.data, items_repeat, item_index, bias, dropout,
                               out.cols, slices, shape.team, out.data);
  });
  cuda::check_launch("pair_forward_kernel");
}

template <class Device, class T>
void pair_backward(Context<Device>& context, std::int32_t group_size, Matrix<const T> dz, Matrix<T> group_sum,
                   float* bias_grad) {
  if (group_sum.size() == 0) return;
  const std::int64_t width = dz.cols;
  const auto shape = cuda::row_shape(width, dz.data, group_sum.data);
  const std::int64_t blocks = cuda::reduction_blocks(group_sum.rows, shape);
  float* partial = cuda::scratch<float>(context, blocks * width);
  cuda::with_vector(shape, [&](auto vector) {
    constexpr int V = decltype(vector)::value;
    pair_backward_kernel<T, V>
        <<<cuda::grid_for(blocks, 1, shape.tiles), cuda::block_threads, 0, context.stream()>>>(
            group_size, dz.data, group_sum.rows, width, shape.team, group_sum.data, partial);
  });
  cuda::check_launch("pair_backward_kernel");
  cuda::add_partial_sums(context, partial, blocks, width, bias_grad);
}

NEUMF_FOR_EACH_TYPE(NEUMF_PAIR, Cuda)

}  // namespace neumf::ops
