#include "neumf/ops/pair.hpp"

#include <algorithm>
#include <vector>

#include "../instantiate.hpp"
#include "activation.hpp"
#include "parallel.hpp"
#include "partial_sums.hpp"
#include "vector.hpp"

namespace neumf::ops {

template <class Device, class T>
void pair_forward(Context<Device>& context, const BatchView& batch, Matrix<const T> user_half,
                  Matrix<const T> item_half, const std::uint32_t* item_index, const float* bias,
                  const Dropout& dropout, Matrix<T> out) {
  const std::int64_t width = out.cols;
  const auto size = static_cast<std::size_t>(width);
  const bool row_per_sample = item_half.rows >= batch.samples();
  const auto item_row = [&](std::int64_t s) -> std::int64_t {
    if (item_index != nullptr) return item_index[s];
    return row_per_sample ? s : s % batch.group_size;
  };
  cpu::parallel_ranges(context, batch.samples(), 128, [&](int, std::int64_t begin, std::int64_t end) {
    std::vector<float> user(size);
    std::int64_t loaded = -1;
    const auto row = [&](std::int64_t s) {
      const std::int64_t g = s / batch.group_size;
      if (g != loaded) {
        const T* half = user_half.row(g);
#pragma omp simd
        for (std::int64_t k = 0; k < width; ++k)
          user[static_cast<std::size_t>(k)] = to_float(half[k]) + bias[k];
        loaded = g;
      }
      constexpr std::int64_t ahead = 4;
      if (item_index != nullptr && s + ahead < end) cpu::prefetch(item_half.row(item_row(s + ahead)), width);
      return [user = user.data(), item = item_half.row(item_row(s))](std::int64_t k) {
        return user[k] + to_float(item[k]);
      };
    };
    cpu::activate_rows(batch, dropout, begin, end, row, out);
  });
}

template <class Device, class T>
void pair_backward(Context<Device>& context, std::int32_t group_size, Matrix<const T> dz, Matrix<T> group_sum,
                   float* bias_grad) {
  const std::int64_t width = dz.cols;
  const auto size = static_cast<std::size_t>(width);
  cpu::PartialSums<float> bias_sums(context.threads(), width);
  cpu::parallel_ranges(context, group_sum.rows, 64, [&](int thread, std::int64_t begin, std::int64_t end) {
    std::vector<float> sum(size), buffer(size);
    for (std::int64_t g = begin; g < end; ++g) {
      std::fill(sum.begin(), sum.end(), 0.0f);
      for (std::int64_t s = g * group_size; s < (g + 1) * group_size; ++s)
        cpu::add(sum.data(), cpu::floats(dz.row(s), buffer.data(), size), width);
      cpu::narrow(sum.data(), group_sum.row(g), size);
      cpu::add(bias_sums.row(thread), sum.data(), width);
    }
  });
  bias_sums.add_to(bias_grad);
}

NEUMF_FOR_EACH_TYPE(NEUMF_PAIR, Cpu)

}  // namespace neumf::ops
