#include "neumf/ops/gmf.hpp"

#include <algorithm>
#include <vector>

#include "../instantiate.hpp"
#include "parallel.hpp"
#include "partial_sums.hpp"
#include "vector.hpp"

namespace neumf::ops {

template <class Device, class T>
void gmf_forward(Context<Device>& context, const BatchView& batch, Matrix<const T> users,
                 Matrix<const T> items, const float* weight, const float* bias, float* logits) {
  const std::int64_t width = users.cols;
  // By samples, so that all threads share a group as large as the catalogue too.
  cpu::parallel_ranges(context, batch.samples(), 256, [&](int, std::int64_t begin, std::int64_t end) {
    std::vector<float> weighted(static_cast<std::size_t>(width)), buffer(static_cast<std::size_t>(width));
    constexpr std::int64_t ahead = 8;
    for (std::int64_t next = begin; next < end;) {
      const std::int64_t g = next / batch.group_size, first = next;
      next = std::min(end, (g + 1) * batch.group_size);
      const T* user = users.row(batch.users[g]);
      for (std::int64_t k = 0; k < width; ++k)
        weighted[static_cast<std::size_t>(k)] = weight[k] * to_float(user[k]);
      for (std::int64_t s = first; s < next; ++s) {
        if (s + ahead < end) cpu::prefetch(items.row(batch.items[s + ahead]), width);
        const float* item =
            cpu::floats(items.row(batch.items[s]), buffer.data(), static_cast<std::size_t>(width));
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t k = 0; k < width; ++k) sum += weighted[static_cast<std::size_t>(k)] * item[k];
        logits[s] = bias[0] + sum;
      }
    }
  });
}

template <class Device, class T>
void gmf_backward(Context<Device>& context, const BatchView& batch, const ScatterPlan<Device>& user_plan,
                  const ScatterPlan<Device>& item_plan, Matrix<const T> users, Matrix<const T> items,
                  const float* weight, const float* dlogits, Matrix<float> user_grad, Matrix<float> item_grad,
                  float* weight_grad) {
  const int threads = context.threads();
  const std::int64_t width = users.cols;
  const auto size = static_cast<std::size_t>(width);
  cpu::PartialSums<float> weight_sums(threads, width);
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1 && batch.samples() >= 256)
  for (int thread = 0; thread < threads; ++thread) {
    std::vector<float> sum(size), buffer(size);
    float* weight_sum = weight_sums.row(thread);
    // This thread's users: the group's sum of d_s q_i serves both the user's and the weight's gradient.
    for (std::int64_t j = user_plan.offsets.data()[thread]; j < user_plan.offsets.data()[thread + 1]; ++j) {
      const std::int64_t g = user_plan.order.data()[j];
      std::fill(sum.begin(), sum.end(), 0.0f);
      for (std::int64_t s = g * batch.group_size; s < (g + 1) * batch.group_size; ++s)
        cpu::axpy(sum.data(), dlogits[s], cpu::floats(items.row(batch.items[s]), buffer.data(), size), width);
      const std::uint32_t user_row = batch.users[g];
      const float* user = cpu::floats(users.row(user_row), buffer.data(), size);
      float* grad = user_grad.row(user_row);
#pragma omp simd
      for (std::int64_t k = 0; k < width; ++k) {
        grad[k] += weight[k] * sum[static_cast<std::size_t>(k)];
        weight_sum[k] += user[k] * sum[static_cast<std::size_t>(k)];
      }
    }
    // This thread's items.
    const std::int64_t last = item_plan.offsets.data()[thread + 1];
    constexpr std::int64_t ahead = 8;
    for (std::int64_t j = item_plan.offsets.data()[thread]; j < last; ++j) {
      if (j + ahead < last)
        cpu::prefetch(item_grad.row(batch.items[item_plan.order.data()[j + ahead]]), width);
      const std::int64_t s = item_plan.order.data()[j];
      const float* user = cpu::floats(users.row(batch.users[s / batch.group_size]), buffer.data(), size);
      float* grad = item_grad.row(batch.items[s]);
      const float d = dlogits[s];
#pragma omp simd
      for (std::int64_t k = 0; k < width; ++k) grad[k] += d * weight[k] * user[k];
    }
  }
  weight_sums.add_to(weight_grad);
}

NEUMF_FOR_EACH_TYPE(NEUMF_GMF, Cpu)

}  // namespace neumf::ops
