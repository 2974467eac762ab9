#include <algorithm>
#include <cerrno>
#include <cstring>

#include "hdf5_support.hpp"

namespace neumf::hdf5 {
namespace {

// Chunks of about 1 MiB along the first dimension: large enough to stream, small enough to read by user
// range.
Dims chunk_shape(const Dims& dims, std::size_t element_size) {
  Dims chunk = dims;
  hsize_t row_bytes = element_size;
  for (std::size_t i = 1; i < dims.size(); ++i) {
    chunk[i] = std::max<hsize_t>(dims[i], 1);
    row_bytes *= chunk[i];
  }
  chunk[0] = std::clamp<hsize_t>((1u << 20) / row_bytes, 1, std::max<hsize_t>(dims[0], 1));
  return chunk;
}

Handle link_creation_list() {
  Handle list(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(list.get(), 1);
  return list;
}

}  // namespace

File File::create(const std::filesystem::path& path) {
  silence_error_printing();
  const Handle access = file_access();
  // Virtual data sets need the 1.10 format.
  H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_LATEST);
  const hid_t id = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get());
  if (id < 0)
    fail("{}: cannot create file: {}. Check that the directory exists, is writable and has space",
         path.string(), errno != 0 ? std::strerror(errno) : innermost_error().c_str());
  return File(Handle(id, H5Fclose), path);
}

void File::create_dataset(const std::string& name, const Dims& dims, hid_t file_type) {
  const Handle space(
      check(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), path_, name, "describe"),
      H5Sclose);
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  if (product(dims) > 0) {
    const Dims chunk = chunk_shape(dims, H5Tget_size(file_type));
    check(H5Pset_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data()), path_, name, "chunk");
    check(H5Pset_fletcher32(properties.get()), path_, name, "checksum");
  }
  const Handle links = link_creation_list();
  const Handle dataset(check(H5Dcreate2(handle_.get(), name.c_str(), file_type, space.get(), links.get(),
                                        properties.get(), H5P_DEFAULT),
                             path_, name, "create"),
                       H5Dclose);
}

template <class T>
void File::write(const std::string& name, std::span<const T> data, const Dims& dims, hid_t file_type) {
  create_dataset(name, dims, file_type == H5I_INVALID_HID ? memory_type<T>() : file_type);
  write_rows(name, 0, dims.at(0), data);
}

template <class T>
void File::write_rows(const std::string& name, hsize_t first, hsize_t count, std::span<const T> data) {
  if (data.empty()) return;
  const Dims shape = dims(name);
  require(first + count <= shape[0] && count * (product(shape) / shape[0]) == data.size(),
          "{}: {} values do not fill {} rows of {}", path_.string(), data.size(), count, name);
  const Handle dataset = open_dataset(name);
  const Handle file_space = row_selection(shape, first, count);
  const Handle memory_space = rows_in_memory(shape, count);
  check(H5Dwrite(dataset.get(), memory_type<T>(), memory_space.get(), file_space.get(), H5P_DEFAULT,
                 data.data()),
        path_, name, "write");
}

void File::write_strings(const std::string& name, const std::vector<std::string>& data) {
  std::size_t width = 1;
  for (const auto& text : data) width = std::max(width, text.size());
  std::vector<char> flat(data.size() * width, '\0');
  for (std::size_t i = 0; i < data.size(); ++i)
    std::copy(data[i].begin(), data[i].end(), flat.begin() + i * width);
  const Handle type = string_type(width);
  create_dataset(name, {data.size()}, type.get());
  if (data.empty()) return;
  const Handle dataset = open_dataset(name);
  check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, flat.data()), path_, name,
        "write");
}

void File::write_virtual(const std::string& name, const Dims& dims, hid_t file_type,
                         const std::vector<VirtualSource>& sources) {
  const Handle space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose);
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  // What stands for rows of a missing file must not look like data, as the usual 0 does.
  const std::vector<unsigned char> fill(H5Tget_size(file_type), 0xFF);
  check(H5Pset_fill_value(properties.get(), file_type, fill.data()), path_, name, "set the fill value of");
  hsize_t first = 0;
  for (const auto& source : sources) {
    if (source.rows == 0) continue;
    require(source.file.find('/') == std::string::npos,
            "{}: virtual data set {} may not leave its directory ({})", path_.string(), name, source.file);
    const Handle target = row_selection(dims, first, source.rows);
    Dims source_dims = dims;
    source_dims[0] = source.rows;
    const Handle source_space(
        H5Screate_simple(static_cast<int>(source_dims.size()), source_dims.data(), nullptr), H5Sclose);
    check(H5Pset_virtual(properties.get(), target.get(), source.file.c_str(), source.dataset.c_str(),
                         source_space.get()),
          path_, name, "map");
    first += source.rows;
  }
  const Handle links = link_creation_list();
  const Handle dataset(check(H5Dcreate2(handle_.get(), name.c_str(), file_type, space.get(), links.get(),
                                        properties.get(), H5P_DEFAULT),
                             path_, name, "create"),
                       H5Dclose);
}

void File::write_scalar_attribute(const std::string& name, hid_t type, const void* value) {
  if (has_attribute(name)) check(H5Adelete(handle_.get(), name.c_str()), path_, name, "replace attribute");
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(
      check(H5Acreate2(handle_.get(), name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT), path_, name,
            "create attribute"),
      H5Aclose);
  check(H5Awrite(attribute.get(), type, value), path_, name, "write attribute");
}

void File::set_attribute(const std::string& name, std::int64_t value) {
  write_scalar_attribute(name, H5T_NATIVE_INT64, &value);
}

void File::set_attribute(const std::string& name, double value) {
  write_scalar_attribute(name, H5T_NATIVE_DOUBLE, &value);
}

void File::set_attribute(const std::string& name, const std::string& value) {
  const Handle type = string_type(std::max<std::size_t>(value.size(), 1));
  write_scalar_attribute(name, type.get(), value.c_str());
}

void File::close() {
  check(H5Fflush(handle_.get(), H5F_SCOPE_LOCAL), path_, "", "flush");
  if (!handle_.close())
    fail("{}: cannot close file: {}. Is the disk full?", path_.string(), innermost_error());
}

#define NEUMF_INSTANTIATE(T)                                                                \
  template void File::write<T>(const std::string&, std::span<const T>, const Dims&, hid_t); \
  template void File::write_rows<T>(const std::string&, hsize_t, hsize_t, std::span<const T>);
NEUMF_FOR_EACH_HDF5_NUMBER(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::hdf5
