#include <algorithm>
#include <cmath>
#include <cstring>

#include "hdf5_support.hpp"

namespace neumf::hdf5 {
namespace {

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

// `remedy` writes strings that are read.
void require_fixed_strings(const Handle& type, const std::filesystem::path& path, const std::string& name,
                           std::string_view remedy) {
  require(H5Tget_class(type.get()) == H5T_STRING, "{}: {} does not hold strings", path.string(), name);
  require(H5Tis_variable_str(type.get()) == 0,
          "{}: {} holds strings of variable length, which are not read: write them with a fixed length ({})",
          path.string(), name, remedy);
}

// The shape of a data set.
Dims shape_of(const Handle& dataset, const std::filesystem::path& path, const std::string& name) {
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  const int rank = check(H5Sget_simple_extent_ndims(space.get()), path, name, "read the shape of");
  Dims dims(static_cast<std::size_t>(rank));
  check(H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr), path, name, "read the shape of");
  return dims;
}

}  // namespace

File File::open(const std::filesystem::path& path, OtherFiles other_files) {
  silence_error_printing();
  // A file names its filters, and a filter that HDF5 lacks would be loaded from HDF5_PLUGIN_PATH.
  H5PLset_loading_state(0);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) fail("{}: no such file", path.string());
  const Handle access = file_access();  // closed after the error has been read, which closing clears
  const hid_t id = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get());
  if (id < 0) fail("{}: not a readable HDF5 file: {}", path.string(), innermost_error());
  File file(Handle(id, H5Fclose), path);
  file.other_files_ = other_files;
  return file;
}

bool File::exists(const std::string& name) const {
  // H5Lexists needs every group along the path to exist.
  return for_each_link(
      name, [&](const std::string& part) { return H5Lexists(handle_.get(), part.c_str(), H5P_DEFAULT) > 0; });
}

Handle File::open_dataset(const std::string& name) const {
  check_links(name);
  Handle dataset(check(H5Dopen2(handle_.get(), name.c_str(), H5P_DEFAULT), path_, name, "open"), H5Dclose);
  if (other_files_ == OtherFiles::refused) check_storage(dataset, name);
  return dataset;
}

void File::check_links(const std::string& name) const {
  for_each_link(name, [&](const std::string& part) {
    if (H5Lexists(handle_.get(), part.c_str(), H5P_DEFAULT) <= 0)
      fail("{}: data set {} is missing", path_.string(), name);
    H5L_info_t link;
    check(H5Lget_info(handle_.get(), part.c_str(), &link, H5P_DEFAULT), path_, part, "look up");
    require(other_files_ == OtherFiles::followed || link.type == H5L_TYPE_HARD,
            "{}: {} is a link, which is not followed: it could lead to any file; copy the data into this one",
            path_.string(), part);
    return true;
  });
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
    char filter_name[64] = "";
    const H5Z_filter_t filter = H5Pget_filter2(properties.get(), static_cast<unsigned>(i), &flags, &values,
                                               nullptr, sizeof filter_name - 1, filter_name, nullptr);
    require(
        H5Zfilter_avail(filter) > 0,
        "{}: {} is stored with the filter '{}' (number {}), which this HDF5 does not have: write it again "
        "with gzip or without, where the filter is known: h5repack -f GZIP=1 OLD NEW",
        path_.string(), name, filter_name, filter);
    compressed |= filter != H5Z_FILTER_FLETCHER32 && filter != H5Z_FILTER_SHUFFLE;
  }
  // A few bytes can describe any number of elements that were never written: without this, reading them
  // would take any amount of memory. Deflate shrinks at most about a thousandfold.
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const std::size_t width = H5Tget_size(type.get());
  // In floating point, where a product of hostile dimensions does not wrap around to something small.
  double count = 1;
  for (const hsize_t extent : shape_of(dataset, path_, name)) count *= static_cast<double>(extent);
  const double claimed = count * static_cast<double>(width);
  const auto stored = static_cast<double>(H5Dget_storage_size(dataset.get()));
  require(width > 0 && claimed <= stored * (compressed ? 1100.0 : 1.0),
          "{}: {} claims {:.0f} elements, but the file holds {:.0f} bytes of it; the file is damaged",
          path_.string(), name, count, stored);
}

Dims File::dims(const std::string& name) const {
  return shape_of(open_dataset(name), path_, name);
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

bool File::holds_strings(const std::string& name) const {
  const Handle dataset = open_dataset(name);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  return H5Tget_class(type.get()) == H5T_STRING;
}

std::vector<std::string> File::read_strings(const std::string& name) const {
  const Handle dataset = open_dataset(name);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  require_fixed_strings(type, path_, name, "numpy: values.astype('S')");
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
  require_fixed_strings(type, path_, fmt::format("attribute '{}'", name),
                        "h5py: file.attrs[name] = np.bytes_(text)");
  // Options and layer sizes; far below what would hurt.
  require(H5Tget_size(type.get()) <= (1u << 24),
          "{}: attribute '{}' claims {} characters; the file is damaged", path_.string(), name,
          H5Tget_size(type.get()));
  std::string value(H5Tget_size(type.get()), '\0');
  check(H5Aread(attribute.get(), type.get(), value.data()), path_, name, "read attribute");
  value.resize(strnlen(value.data(), value.size()));
  return value;
}

void require_finite(const File& file, const std::string& name, std::span<const float> values,
                    const std::string& remedy) {
  require(std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }),
          "{}: {} holds a value that is not a finite number{}", file.path().string(), name, remedy);
}

#define NEUMF_INSTANTIATE(T)                                       \
  template std::vector<T> File::read<T>(const std::string&) const; \
  template void File::read_rows<T>(const std::string&, hsize_t, std::span<T>) const;
NEUMF_FOR_EACH_HDF5_NUMBER(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::hdf5
