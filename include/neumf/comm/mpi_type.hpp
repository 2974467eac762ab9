// How C++ types and sizes are told to MPI: in this one place.
#pragma once

#include <mpi.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "neumf/core/error.hpp"

namespace neumf {

// The MPI type of T: a byte, an integer of 32 or 64 bits, float or double. Another T does not compile.
template <class T>
MPI_Datatype mpi_type() {
  if constexpr (std::is_same_v<T, std::byte>) return MPI_BYTE;
  if constexpr (std::is_same_v<T, std::int32_t>) return MPI_INT32_T;
  if constexpr (std::is_same_v<T, std::uint32_t>) return MPI_UINT32_T;
  if constexpr (std::is_same_v<T, std::int64_t>) return MPI_INT64_T;
  if constexpr (std::is_same_v<T, std::uint64_t>) return MPI_UINT64_T;
  if constexpr (std::is_same_v<T, float>) return MPI_FLOAT;
  if constexpr (std::is_same_v<T, double>) return MPI_DOUBLE;
  static_assert(std::is_same_v<T, std::byte> || std::is_same_v<T, float> || std::is_same_v<T, double> ||
                    std::is_same_v<T, std::int32_t> || std::is_same_v<T, std::uint32_t> ||
                    std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint64_t>,
                "MPI has no type for T");
}

// A number of elements as MPI counts them, in int. Throws Error if they are more than that holds.
inline int mpi_count(std::size_t elements) {
  constexpr auto most = std::numeric_limits<int>::max();
  require(elements <= std::size_t{most}, "{} elements in one MPI call, which takes {} at the most", elements,
          most);
  return static_cast<int>(elements);
}

// Calls transfer(data, count), in order, for pieces of at most `most` elements: for what is larger than MPI
// counts. The pieces are the same wherever there are as many values.
template <class T, class Transfer>
void in_mpi_pieces(std::span<T> values, std::size_t most, const Transfer& transfer) {
  for (std::size_t first = 0; first < values.size(); first += most)
    transfer(values.data() + first, mpi_count(std::min(most, values.size() - first)));
}

}  // namespace neumf
