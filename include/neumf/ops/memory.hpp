// Filling, converting and initialising device memory.
#pragma once

#include <cstdint>
#include <span>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/core/types.hpp"

namespace neumf::ops {

template <class Device, class T>
void fill_zero(Context<Device>& context, std::span<T> data);

// out[i] = in[i] rounded to T.
template <class Device, class T>
void convert(Context<Device>& context, std::span<const float> in, std::span<T> out);

// Counter-based initial values: element (row, col) depends on (seed, tensor, first_row + row, col) alone, so
// a rank that owns some rows draws what one rank owning all rows would.
struct InitSpec {
  std::uint64_t seed = 0;
  std::uint32_t tensor = 0;
  std::uint64_t first_row = 0;
};

// Normal(0, stddev), by the Box-Muller transform.
template <class Device>
void fill_normal(Context<Device>& context, const InitSpec& spec, float stddev, Matrix<float> out);

// Uniform(-limit, limit).
template <class Device>
void fill_uniform(Context<Device>& context, const InitSpec& spec, float limit, Matrix<float> out);

}  // namespace neumf::ops
