// The samples of a block in slices of their groups, a team per slice.
#pragma once

#include <algorithm>
#include <cstdint>

#include "context_impl.hpp"
#include "neumf/core/error.hpp"
#include "neumf/ops/batch.hpp"

namespace neumf::cuda {

inline constexpr int samples_in_flight = 5;        // a positive and its four negatives at once
inline constexpr std::int32_t slice_samples = 10;  // groups larger than this are shared by several teams

// Of one group.
struct Slice {
  std::int64_t group;        // its index
  std::int64_t group_begin;  // its first sample
  std::int64_t begin, end;   // samples of the slice

  // `position` counts slices, `slices` of them per group.
  __device__ __forceinline__ Slice(const BatchView& batch, std::int64_t position, std::uint32_t slices)
      : group(static_cast<std::uint32_t>(position) / slices), group_begin(group * batch.group_size) {
    begin = group_begin + static_cast<std::uint32_t>(position) % slices * std::int64_t{slice_samples};
    end = min(begin + slice_samples, group_begin + batch.group_size);
  }
};

// Of each group.  32-bit positions make the division by their number cheap.
inline std::uint32_t slices_per_group(Context<Cuda>& context, const BatchView& batch) {
  const std::int64_t slices = (batch.group_size + slice_samples - 1) / slice_samples;
  require(batch.groups * slices <= context.block_samples(), "a block of {} samples is too large for a GPU",
          batch.samples());
  return static_cast<std::uint32_t>(slices);
}

}  // namespace neumf::cuda
