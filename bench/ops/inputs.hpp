// Random inputs of operations, on the device.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <type_traits>
#include <vector>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/core/types.hpp"
#include "neumf/ops/batch.hpp"
#include "neumf/ops/memory.hpp"
#include "shapes.hpp"

namespace neumf::bench {

template <class Device, class T>
Tensor<T, Device> random_tensor(Context<Device>& context, std::int64_t rows, std::int64_t cols) {
  static std::uint32_t number = 0;
  Tensor<float, Device> values(rows, cols);
  ops::fill_uniform(context, {1, ++number, 0}, 0.1f, values.matrix());
  if constexpr (std::is_same_v<T, float>) {
    return values;
  } else {
    Tensor<T, Device> rounded(rows, cols);
    ops::convert(context, std::span<const float>(values.span()), rounded.span());
    context.synchronize();
    return rounded;
  }
}

// T: float or double.
template <class Device, class T>
Tensor<T, Device> zeros(Context<Device>& context, std::int64_t rows, std::int64_t cols = 1) {
  Tensor<T, Device> tensor(rows, cols);
  ops::fill_zero(context, tensor.span());
  return tensor;
}

template <class Device, class T>
Tensor<T, Device> to_device(Context<Device>& context, const std::vector<T>& host) {
  Tensor<T, Device> tensor(static_cast<std::int64_t>(host.size()));
  upload(context, std::span<const T>(host), tensor.data());
  return tensor;
}

// A popular item: the weight of the item at rank r of n is exp(-6 sqrt(r / n)), much as in MovieLens. The
// square root then follows a gamma distribution.
inline std::uint32_t popular_item(std::mt19937_64& generator, std::int64_t items) {
  std::uniform_real_distribution<double> unit(1e-9, 1.0);
  double root;
  do root = -std::log(unit(generator) * unit(generator)) / 6;
  while (root >= 1);
  return static_cast<std::uint32_t>(static_cast<double>(items) * root * root);
}

// A block of samples: any user, a popular item first in each group and uniform ones after it.
template <class Device>
class Batch {
 public:
  Batch(Context<Device>& context, const DataShape& data, std::int64_t groups, std::int32_t size)
      : buffer_(groups, size), groups_(groups), size_(size) {
    std::mt19937_64 generator(7);
    std::uniform_int_distribution<std::uint32_t> user(0, static_cast<std::uint32_t>(data.users - 1));
    std::uniform_int_distribution<std::uint32_t> item(0, static_cast<std::uint32_t>(data.items - 1));
    std::vector<std::uint32_t> users, items;
    std::vector<std::uint64_t> ids;
    std::vector<std::uint8_t> labels;
    for (std::int64_t g = 0; g < groups; ++g) {
      users.push_back(user(generator));
      ids.push_back(generator() >> 30);
      for (std::int32_t j = 0; j < size; ++j) {
        items.push_back(j == 0 ? popular_item(generator, data.items) : item(generator));
        labels.push_back(j == 0);
      }
    }
    buffer_.users = to_device(context, users);
    buffer_.items = to_device(context, items);
    buffer_.ids = to_device(context, ids);
    buffer_.labels = to_device(context, labels);
  }

  BatchView view() const { return buffer_.view(groups_, size_); }
  std::int64_t groups() const { return groups_; }
  std::int64_t samples() const { return groups_ * size_; }

 private:
  BatchBuffer<Device> buffer_;
  std::int64_t groups_;
  std::int32_t size_;
};

// The block that a training step works on.
template <class Device>
Batch<Device> training_batch(Context<Device>& context, const DataShape& data) {
  return {context, data, block_groups(context, data, group_size), group_size};
}

}  // namespace neumf::bench
