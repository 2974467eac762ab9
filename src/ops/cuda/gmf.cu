#include "neumf/ops/gmf.hpp"

#include "../instantiate.hpp"
#include "group_slices.cuh"
#include "partial_sums.cuh"
#include "segmented_sum.cuh"

namespace neumf::ops {
namespace {

using cuda::samples_in_flight;

// A team per slice of a group; the user's row times the weights stays in registers.
template <class T, int V>
__global__ void __launch_bounds__(cuda::block_threads, cuda::resident_blocks)
    gmf_forward_kernel(BatchView batch, const T* __restrict__ users, const T* __restrict__ items,
                       const float* __restrict__ weight, const float* __restrict__ bias, std::int64_t width,
                       std::uint32_t slices, int team_size, float* __restrict__ logits) {
  const cuda::Team team(team_size);
  const cuda::Slice slice(batch, team.index, slices);
  if (slice.group >= batch.groups) return;  // the whole team
  const T* user = users + batch.users[slice.group] * width;
  const std::int64_t first_column = team.column<V>(0);
  const auto weighted = [&](std::int64_t column, float(&out)[V]) {
    float w[V];
    cuda::load<V>(weight + column, w);
    cuda::load<V>(user + column, out);
#pragma unroll
    for (int i = 0; i < V; ++i) out[i] *= w[i];
  };
  float first_weighted[V] = {};
  if (first_column < width) weighted(first_column, first_weighted);
  const float b = bias[0];

  const std::int64_t end = slice.end;
  for (std::int64_t s = slice.begin; s < end; s += samples_in_flight) {
    const T* rows[samples_in_flight];
    float sums[samples_in_flight] = {};
#pragma unroll
    for (int u = 0; u < samples_in_flight; ++u) rows[u] = items + batch.items[min(s + u, end - 1)] * width;
    for (std::int64_t column = first_column; column < width; column += team.size * V) {
      cuda::Pack<T, V> raw[samples_in_flight];
#pragma unroll
      for (int u = 0; u < samples_in_flight; ++u)
        raw[u] = s + u < end ? cuda::Pack<T, V>::load(rows[u] + column) : cuda::Pack<T, V>::zero();
      float x[V];
      if (column == first_column) {
#pragma unroll
        for (int i = 0; i < V; ++i) x[i] = first_weighted[i];
      } else {
        weighted(column, x);
      }
#pragma unroll
      for (int u = 0; u < samples_in_flight; ++u) cuda::add_dot(raw[u], x, sums[u]);
    }
#pragma unroll
    for (int u = 0; u < samples_in_flight; ++u) {
      const float sum = team.sum(sums[u]);
      if (team.lane == 0 && s + u < end) logits[s + u] = b + sum;
    }
  }
}

// Gradients of the items: row s is d_s w p_u, summed as d_s p_u and weighted once per run.
template <class T>
struct ItemSource {
  const T* users;
  const std::uint32_t* user_of_group;
  std::uint32_t group_size;
  const float* dlogits;
  const float* weight;
  std::int64_t width;

  template <int V>
  struct State {
    float weight[V];
  };
  template <int V>
  struct Raw {
    cuda::Pack<T, V> pack;
    float d;
  };
  template <int V>
  __device__ __forceinline__ void start(State<V>& state, std::int64_t column) const {
    cuda::load<V>(weight + column, state.weight);
  }
  template <int V>
  __device__ __forceinline__ Raw<V> zero() const {
    return {cuda::Pack<T, V>::zero(), 0.0f};
  }
  template <int V>
  __device__ __forceinline__ Raw<V> load(std::uint32_t sample, std::int64_t column) const {
    const std::uint32_t user = user_of_group[sample / group_size];
    return {cuda::Pack<T, V>::load(users + user * width + column), dlogits[sample]};
  }
  template <int V>
  __device__ __forceinline__ void add(const Raw<V>& raw, float (&sum)[V]) const {
    cuda::add_scaled(raw.pack, raw.d, sum);
  }
  template <int V>
  __device__ __forceinline__ void finish_run(State<V>& state, std::uint32_t /*item*/, std::int64_t /*column*/,
                                             float (&sum)[V]) const {
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] *= state.weight[i];
  }
  template <int V>
  __device__ __forceinline__ void finish_block(const State<V>& /*state*/, const cuda::Team& /*team*/,
                                               std::int64_t /*column*/) const {}
};

// Gradients of the users: row g is w sum_s d_s q_i over the group's samples. The unweighted sum of a run
// times the user's row is also its share of the weight gradient.
template <class T>
struct UserSource {
  const T* items;
  const std::uint32_t* item_of_sample;
  std::uint32_t group_size;
  const float* dlogits;
  const float* weight;
  const T* users;
  std::int64_t width;
  float* partial;  // [blocks, width] of the weight gradient

  template <int V>
  struct State {
    float weight[V];
    float sums[V];
  };
  template <int V>
  struct Raw {
    float values[V];
  };
  template <int V>
  __device__ __forceinline__ void start(State<V>& state, std::int64_t column) const {
    cuda::load<V>(weight + column, state.weight);
  }
  template <int V>
  __device__ __forceinline__ Raw<V> zero() const {
    return {};
  }
  template <int V>
  __device__ __forceinline__ Raw<V> load(std::uint32_t group, std::int64_t column) const {
    Raw<V> out{};
    const std::int64_t begin = static_cast<std::int64_t>(group) * group_size, end = begin + group_size;
    for (std::int64_t s = begin; s < end; s += samples_in_flight) {
      cuda::Pack<T, V> raw[samples_in_flight];
      float d[samples_in_flight];
#pragma unroll
      for (int u = 0; u < samples_in_flight; ++u) {
        const bool inside = s + u < end;
        d[u] = inside ? dlogits[s + u] : 0.0f;
        raw[u] = inside ? cuda::Pack<T, V>::load(items + item_of_sample[s + u] * width + column)
                        : cuda::Pack<T, V>::zero();
      }
#pragma unroll
      for (int u = 0; u < samples_in_flight; ++u) cuda::add_scaled(raw[u], d[u], out.values);
    }
    return out;
  }
  template <int V>
  __device__ __forceinline__ void add(const Raw<V>& raw, float (&sum)[V]) const {
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] += raw.values[i];
  }
  template <int V>
  __device__ __forceinline__ void finish_run(State<V>& state, std::uint32_t user, std::int64_t column,
                                             float (&sum)[V]) const {
    float row[V];
    cuda::load<V>(users + user * width + column, row);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      state.sums[i] += row[i] * sum[i];
      sum[i] *= state.weight[i];
    }
  }
  template <int V>
  __device__ __forceinline__ void finish_block(const State<V>& state, const cuda::Team& team,
                                               std::int64_t column) const {
    cuda::store_block_sums<V>(team, state.sums, column, width, partial);
  }
};

}  // namespace

template <class Device, class T>
void gmf_forward(Context<Device>& context, const BatchView& batch, Matrix<const T> users,
                 Matrix<const T> items, const float* weight, const float* bias, float* logits) {
  if (batch.samples() == 0) return;
  const auto shape = cuda::row_shape(users.cols, users.data, items.data, weight);
  const std::uint32_t slices = cuda::slices_per_group(context, batch);
  cuda::with_vector(shape, [&](auto vector) {
    constexpr int V = decltype(vector)::value;
    gmf_forward_kernel<T, V><<<cuda::blocks_for(batch.groups * slices, shape.rows_per_block()),
                               cuda::block_threads, 0, context.stream()>>>(
        batch, users.data, items.data, weight, bias, users.cols, slices, shape.team, logits);
  });
  cuda::check_launch("gmf_forward_kernel");
}

template <class Device, class T>
void gmf_backward(Context<Device>& context, const BatchView& batch, const ScatterPlan<Device>& user_plan,
                  const ScatterPlan<Device>& item_plan, Matrix<const T> users, Matrix<const T> items,
                  const float* weight, const float* dlogits, Matrix<float> user_grad, Matrix<float> item_grad,
                  float* weight_grad) {
  if (batch.samples() == 0) return;
  const std::int64_t width = users.cols;
  const auto group_size = static_cast<std::uint32_t>(batch.group_size);
  {
    const auto shape = cuda::row_shape(width, users.data, items.data, weight, user_grad.data);
    const std::int64_t blocks = cuda::scatter_blocks(user_plan, shape);
    cuda::Scratch memory;
    const cuda::RunMemory runs(user_plan, width, memory);
    const std::size_t partial = memory.add<float>(blocks * width);
    memory.fetch(context);
    const UserSource<T> source{items.data, batch.items, group_size, dlogits,
                               weight,     users.data,  width,      memory.at<float>(partial)};
    cuda::scatter_add(context, user_plan, source, shape, user_grad, runs, memory);
    cuda::add_partial_sums(context, memory.at<float>(partial), blocks, width, weight_grad);
  }
  {
    const auto shape = cuda::row_shape(width, users.data, weight, item_grad.data);
    cuda::Scratch memory;
    const cuda::RunMemory runs(item_plan, width, memory);
    memory.fetch(context);
    const ItemSource<T> source{users.data, batch.users, group_size, dlogits, weight, width};
    cuda::scatter_add(context, item_plan, source, shape, item_grad, runs, memory);
  }
}

NEUMF_FOR_EACH_TYPE(NEUMF_GMF, Cuda)

}  // namespace neumf::ops
