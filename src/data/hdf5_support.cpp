#include "hdf5_support.hpp"

#include <fmt/format.h>

#include <functional>
#include <numeric>
#include <type_traits>

namespace neumf::hdf5 {

void silence_error_printing() {
  // Each thread has an error stack of its own.
  thread_local const herr_t done = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  (void)done;
}

std::string innermost_error() {
  std::string text;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned, const H5E_error2_t* error, void* out) -> herr_t {
        auto& message = *static_cast<std::string*>(out);
        if (message.empty() && error->desc != nullptr) message = error->desc;
        return 0;
      },
      &text);
  if (text.empty()) return "unknown HDF5 error";
  if (text.find("conversion exception") != std::string::npos)
    return "it holds a number that is no whole number of the range expected here, or holds them in a "
           "floating "
           "point type that HDF5 does not convert exactly: write them with an integer type";
  // "conversion" has the word in it, too.
  if (text.find("version") == std::string::npos || text.find("conversion") != std::string::npos) return text;
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format(
      "{}: the file is in a newer format than HDF5 {}.{}.{} reads, and must be written with "
      "libver=('earliest', 'v110') (h5py.File), or the file is damaged",
      text, major, minor, release);
}

hsize_t product(const Dims& dims) {
  return std::accumulate(dims.begin(), dims.end(), hsize_t{1}, std::multiplies<>());
}

Handle space_of(const Dims& dims) {
  return {H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose};
}

Handle row_selection(const Dims& dims, hsize_t first, hsize_t count) {
  Handle space = space_of(dims);
  Dims start(dims.size(), 0), size = dims;
  start[0] = first;
  size[0] = count;
  if (count == 0)
    H5Sselect_none(space.get());
  else
    H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr);
  return space;
}

Handle file_access() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access.get(), 0, 1);
  return access;
}

Handle rows_in_memory(Dims dims, hsize_t count) {
  dims[0] = count;
  return space_of(dims);
}

Handle string_type(std::size_t width) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), width);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

template <class T>
hid_t memory_type() {
  if constexpr (std::is_same_v<T, float>) return H5T_NATIVE_FLOAT;
  if constexpr (std::is_same_v<T, double>) return H5T_NATIVE_DOUBLE;
  if constexpr (std::is_same_v<T, std::int8_t>) return H5T_NATIVE_INT8;
  if constexpr (std::is_same_v<T, std::uint8_t>) return H5T_NATIVE_UINT8;
  if constexpr (std::is_same_v<T, std::int16_t>) return H5T_NATIVE_INT16;
  if constexpr (std::is_same_v<T, std::uint16_t>) return H5T_NATIVE_UINT16;
  if constexpr (std::is_same_v<T, std::int32_t>) return H5T_NATIVE_INT32;
  if constexpr (std::is_same_v<T, std::uint32_t>) return H5T_NATIVE_UINT32;
  if constexpr (std::is_same_v<T, std::int64_t>) return H5T_NATIVE_INT64;
  if constexpr (std::is_same_v<T, std::uint64_t>) return H5T_NATIVE_UINT64;
}

hid_t compact_unsigned_type(std::uint64_t maximum) {
  if (maximum <= UINT8_MAX) return H5T_STD_U8LE;
  if (maximum <= UINT16_MAX) return H5T_STD_U16LE;
  if (maximum <= UINT32_MAX) return H5T_STD_U32LE;
  return H5T_STD_U64LE;
}

#define NEUMF_INSTANTIATE(T) template hid_t memory_type<T>();
NEUMF_FOR_EACH_HDF5_NUMBER(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::hdf5
