#include "neumf/data/hdf5.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>

#include "neumf/core/error.hpp"

namespace neumf::hdf5 {
namespace {

// HDF5 prints its error stack by default; ours goes into the exception instead.
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
  return text.empty() ? "unknown HDF5 error" : text;
}

// Each thread has an error stack of its own.
void silence_error_printing() {
  thread_local const herr_t done = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  (void)done;
}

template <class Status>
Status check(Status status, const std::filesystem::path& path, const std::string& object,
             const char* action) {
  if (status < 0)
    fail("{}: cannot {} {}: {}", path.string(), action, object.empty() ? "file" : object, innermost_error());
  return status;
}

hsize_t product(const Dims& dims) {
  return std::accumulate(dims.begin(), dims.end(), hsize_t{1}, std::multiplies<>());
}

// A read that stops at the first number that the memory type does not hold, where HDF5 would clip it.
Handle strict_transfer() {
  Handle list(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
  H5Pset_type_conv_cb(
      list.get(),
      [](H5T_conv_except_t exception, hid_t, hid_t, void*, void*, void*) {
        return exception == H5T_CONV_EXCEPT_PRECISION ? H5T_CONV_UNHANDLED : H5T_CONV_ABORT;
      },
      nullptr);
  return list;
}

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

// A scalar or simple data space and the selection of rows [first, first + count).
Handle row_selection(const Dims& dims, hsize_t first, hsize_t count) {
  Handle space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose);
  Dims start(dims.size(), 0), size = dims;
  start[0] = first;
  size[0] = count;
  if (count == 0)
    H5Sselect_none(space.get());
  else
    H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr);
  return space;
}

// Memory that holds `count` rows: of the file's rank, since HDF5 is far slower where the ranks differ.
Handle rows_in_memory(Dims dims, hsize_t count) {
  dims[0] = count;
  return {H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose};
}

Handle link_creation_list() {
  Handle list(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(list.get(), 1);
  return list;
}

}  // namespace

template <>
hid_t memory_type<std::int8_t>() {
  return H5T_NATIVE_INT8;
}
template <>
hid_t memory_type<std::uint8_t>() {
  return H5T_NATIVE_UINT8;
}
template <>
hid_t memory_type<std::int16_t>() {
  return H5T_NATIVE_INT16;
}
template <>
hid_t memory_type<std::uint16_t>() {
  return H5T_NATIVE_UINT16;
}
template <>
hid_t memory_type<std::int32_t>() {
  return H5T_NATIVE_INT32;
}
template <>
hid_t memory_type<std::uint32_t>() {
  return H5T_NATIVE_UINT32;
}
template <>
hid_t memory_type<std::int64_t>() {
  return H5T_NATIVE_INT64;
}
template <>
hid_t memory_type<std::uint64_t>() {
  return H5T_NATIVE_UINT64;
}
template <>
hid_t memory_type<float>() {
  return H5T_NATIVE_FLOAT;
}
template <>
hid_t memory_type<double>() {
  return H5T_NATIVE_DOUBLE;
}

hid_t compact_unsigned_type(std::uint64_t maximum) {
  if (maximum <= UINT8_MAX) return H5T_STD_U8LE;
  if (maximum <= UINT16_MAX) return H5T_STD_U16LE;
  if (maximum <= UINT32_MAX) return H5T_STD_U32LE;
  return H5T_STD_U64LE;
}

File File::create(const std::filesystem::path& path) {
  silence_error_printing();
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // Virtual data sets need the 1.10 format.
  H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_LATEST);
  const hid_t id = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get());
  if (id < 0)
    fail("{}: cannot create file: {}. Check that the directory exists, is writable and has space",
         path.string(), errno != 0 ? std::strerror(errno) : innermost_error().c_str());
  return File(Handle(id, H5Fclose), path);
}

File File::open(const std::filesystem::path& path, OtherFiles other_files) {
  silence_error_printing();
  // A file names its filters, and a filter that HDF5 lacks would be loaded from HDF5_PLUGIN_PATH.
  H5PLset_loading_state(0);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) fail("{}: no such file", path.string());
  const hid_t id = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (id < 0) fail("{}: not a readable HDF5 file: {}", path.string(), innermost_error());
  File file(Handle(id, H5Fclose), path);
  file.other_files_ = other_files;
  return file;
}

bool File::exists(const std::string& name) const {
  // H5Lexists needs every group along the path to exist.
  for (std::size_t end = name.find('/', 1);; end = name.find('/', end + 1)) {
    const std::string part = name.substr(0, end);
    if (H5Lexists(handle_.get(), part.c_str(), H5P_DEFAULT) <= 0) return false;
    if (end == std::string::npos) return true;
  }
}

Handle File::open_dataset(const std::string& name) const {
  check_links(name);
  Handle dataset(check(H5Dopen2(handle_.get(), name.c_str(), H5P_DEFAULT), path_, name, "open"), H5Dclose);
  if (other_files_ == OtherFiles::refused) check_storage(dataset, name);
  return dataset;
}

void File::check_links(const std::string& name) const {
  for (std::size_t end = name.find('/', 1);; end = name.find('/', end + 1)) {
    const std::string part = name.substr(0, end);
    if (H5Lexists(handle_.get(), part.c_str(), H5P_DEFAULT) <= 0)
      fail("{}: data set {} is missing", path_.string(), name);
    H5L_info_t link;
    check(H5Lget_info(handle_.get(), part.c_str(), &link, H5P_DEFAULT), path_, part, "look up");
    require(other_files_ == OtherFiles::followed || link.type == H5L_TYPE_HARD,
            "{}: {} is a link, which is not followed: it could lead to any file; copy the data into this one",
            path_.string(), part);
    if (end == std::string::npos) return;
  }
}

void File::check_storage(const Handle& dataset, const std::string& name) const {
  const Handle properties(check(H5Dget_create_plist(dataset.get()), path_, name, "read the layout of"),
                          H5Pclose);
  const bool elsewhere =
      H5Pget_layout(properties.get()) == H5D_VIRTUAL || H5Pget_external_count(properties.get()) != 0;
  require(!elsewhere, "{}: {} is stored in other files, which are not followed; copy the data into this one",
          path_.string(), name);
  bool compressed = false;
  const int filters = check(H5Pget_nfilters(properties.get()), path_, name, "read the filters of");
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    const H5Z_filter_t filter = H5Pget_filter2(properties.get(), static_cast<unsigned>(i), &flags, &values,
                                               nullptr, 0, nullptr, nullptr);
    compressed |= filter != H5Z_FILTER_FLETCHER32 && filter != H5Z_FILTER_SHUFFLE;
  }
  // A few bytes can describe any number of elements that were never written: without this, reading them
  // would take any amount of memory. Deflate shrinks at most about a thousandfold.
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const std::size_t width = H5Tget_size(type.get());
  const hssize_t count = check(H5Sget_simple_extent_npoints(space.get()), path_, name, "read the shape of");
  const auto stored = static_cast<double>(H5Dget_storage_size(dataset.get()));
  const double claimed = static_cast<double>(count) * static_cast<double>(width);
  require(width > 0 && claimed <= stored * (compressed ? 1100.0 : 1.0),
          "{}: {} claims {} elements, but the file holds {:.0f} bytes of it; the file is damaged",
          path_.string(), name, count, stored);
}

Dims File::dims(const std::string& name) const {
  const Handle dataset = open_dataset(name);
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  const int rank = check(H5Sget_simple_extent_ndims(space.get()), path_, name, "read the shape of");
  Dims dims(static_cast<std::size_t>(rank));
  check(H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr), path_, name, "read the shape of");
  return dims;
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

template <class T>
std::vector<T> File::read(const std::string& name) const {
  std::vector<T> data(product(dims(name)));
  read_rows(name, 0, std::span<T>(data));
  return data;
}

template <class T>
void File::read_rows(const std::string& name, hsize_t first, std::span<T> out) const {
  if (out.empty()) return;
  const Dims shape = dims(name);
  const hsize_t row_size = shape.empty() || shape[0] == 0 ? 0 : product(shape) / shape[0];
  require(
      row_size > 0 && out.size() % row_size == 0 && first + out.size() / row_size <= shape[0],
      "{}: {} holds fewer rows than asked for (rows {} to {}); the file is damaged or from another data set",
      path_.string(), name, first, row_size == 0 ? first : first + out.size() / row_size);
  const Handle dataset = open_dataset(name);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const H5T_class_t type_class = H5Tget_class(type.get());
  require(type_class == H5T_INTEGER || type_class == H5T_FLOAT, "{}: {} does not hold numbers",
          path_.string(), name);
  const Handle file_space = row_selection(shape, first, out.size() / row_size);
  const Handle memory_space = rows_in_memory(shape, out.size() / row_size);
  const Handle transfer = strict_transfer();
  check(H5Dread(dataset.get(), memory_type<T>(), memory_space.get(), file_space.get(), transfer.get(),
                out.data()),
        path_, name, "read");
}

void File::write_strings(const std::string& name, const std::vector<std::string>& data) {
  std::size_t width = 1;
  for (const auto& text : data) width = std::max(width, text.size());
  std::vector<char> flat(data.size() * width, '\0');
  for (std::size_t i = 0; i < data.size(); ++i)
    std::copy(data[i].begin(), data[i].end(), flat.begin() + i * width);
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), width);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  create_dataset(name, {data.size()}, type.get());
  if (data.empty()) return;
  const Handle dataset = open_dataset(name);
  check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, flat.data()), path_, name,
        "write");
}

bool File::holds_strings(const std::string& name) const {
  const Handle dataset = open_dataset(name);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  return H5Tget_class(type.get()) == H5T_STRING;
}

std::vector<std::string> File::read_strings(const std::string& name) const {
  const Handle dataset = open_dataset(name);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  require(H5Tget_class(type.get()) == H5T_STRING && H5Tis_variable_str(type.get()) == 0,
          "{}: {} does not hold fixed-length strings", path_.string(), name);
  const std::size_t width = H5Tget_size(type.get());
  std::vector<std::string> data(product(dims(name)));
  std::vector<char> flat(data.size() * width);
  if (!data.empty())
    check(H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, flat.data()), path_, name,
          "read");
  for (std::size_t i = 0; i < data.size(); ++i) {
    const char* text = flat.data() + i * width;
    data[i].assign(text, strnlen(text, width));
  }
  return data;
}

void File::write_virtual(const std::string& name, const Dims& dims, hid_t file_type,
                         const std::vector<VirtualSource>& sources) {
  const Handle space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose);
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
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

Handle File::open_attribute(const std::string& name) const {
  if (!has_attribute(name)) fail("{}: attribute '{}' is missing", path_.string(), name);
  Handle attribute(check(H5Aopen(handle_.get(), name.c_str(), H5P_DEFAULT), path_, name, "open attribute"),
                   H5Aclose);
  const Handle space(H5Aget_space(attribute.get()), H5Sclose);
  require(H5Sget_simple_extent_npoints(space.get()) == 1, "{}: attribute '{}' is not a single value",
          path_.string(), name);
  return attribute;
}

bool File::has_attribute(const std::string& name) const {
  return H5Aexists(handle_.get(), name.c_str()) > 0;
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
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), std::max<std::size_t>(value.size(), 1));
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  write_scalar_attribute(name, type.get(), value.c_str());
}

std::int64_t File::int_attribute(const std::string& name) const {
  const Handle attribute = open_attribute(name);
  std::int64_t value = 0;
  check(H5Aread(attribute.get(), H5T_NATIVE_INT64, &value), path_, name, "read attribute");
  return value;
}

double File::double_attribute(const std::string& name) const {
  const Handle attribute = open_attribute(name);
  double value = 0;
  check(H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &value), path_, name, "read attribute");
  return value;
}

std::string File::string_attribute(const std::string& name) const {
  const Handle attribute = open_attribute(name);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose);
  require(H5Tget_class(type.get()) == H5T_STRING && H5Tis_variable_str(type.get()) == 0,
          "{}: attribute '{}' is not a fixed-length string", path_.string(), name);
  // Options and layer sizes; far below what would hurt.
  require(H5Tget_size(type.get()) <= (1u << 24),
          "{}: attribute '{}' claims {} characters; the file is damaged", path_.string(), name,
          H5Tget_size(type.get()));
  std::string value(H5Tget_size(type.get()), '\0');
  check(H5Aread(attribute.get(), type.get(), value.data()), path_, name, "read attribute");
  value.resize(strnlen(value.data(), value.size()));
  return value;
}

void File::close() {
  check(H5Fflush(handle_.get(), H5F_SCOPE_LOCAL), path_, "", "flush");
  if (!handle_.close())
    fail("{}: cannot close file: {}. Is the disk full?", path_.string(), innermost_error());
}

namespace {
void sync_path(const std::filesystem::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags);
  if (descriptor < 0) fail("{}: cannot open to sync: {}", path.string(), std::strerror(errno));
  const int status = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (status != 0) fail("{}: cannot sync to disk: {}", path.string(), std::strerror(error));
}
std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}
}  // namespace

void require_finite(const File& file, const std::string& name, std::span<const float> values,
                    const std::string& remedy) {
  require(std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }),
          "{}: {} holds a value that is not a finite number{}", file.path().string(), name, remedy);
}

void sync_to_disk(const std::filesystem::path& path) {
  sync_path(path, O_RDONLY);
  sync_path(directory_of(path), O_RDONLY | O_DIRECTORY);
}

void publish(const std::filesystem::path& temporary, const std::filesystem::path& final_path) {
  sync_path(temporary, O_RDONLY);
  std::error_code error;
  std::filesystem::rename(temporary, final_path, error);
  if (error) fail("{}: cannot rename to {}: {}", temporary.string(), final_path.string(), error.message());
  sync_path(directory_of(final_path), O_RDONLY | O_DIRECTORY);
}

#define NEUMF_INSTANTIATE(T)                                                                   \
  template void File::write<T>(const std::string&, std::span<const T>, const Dims&, hid_t);    \
  template void File::write_rows<T>(const std::string&, hsize_t, hsize_t, std::span<const T>); \
  template std::vector<T> File::read<T>(const std::string&) const;                             \
  template void File::read_rows<T>(const std::string&, hsize_t, std::span<T>) const;
NEUMF_INSTANTIATE(std::int8_t)
NEUMF_INSTANTIATE(std::uint8_t)
NEUMF_INSTANTIATE(std::int16_t)
NEUMF_INSTANTIATE(std::uint16_t)
NEUMF_INSTANTIATE(std::int32_t)
NEUMF_INSTANTIATE(std::uint32_t)
NEUMF_INSTANTIATE(std::int64_t)
NEUMF_INSTANTIATE(std::uint64_t)
NEUMF_INSTANTIATE(float)
NEUMF_INSTANTIATE(double)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::hdf5
