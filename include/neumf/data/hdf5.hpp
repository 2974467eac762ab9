// A thin RAII layer over the HDF5 C library: typed reads and writes of whole data sets or blocks of rows,
// attributes, and virtual data sets. Every return code is checked; errors name the file and the object.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace neumf::hdf5 {

// Owns one HDF5 identifier.
class Handle {
 public:
  using Closer = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Closer closer) : id_(id), closer_(closer) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), closer_(other.closer_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(closer_, other.closer_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) closer_(id_);
  }
  hid_t get() const { return id_; }
  // Closes now and reports whether that worked; a failed close can be the first sign of a full disk.
  bool close() { return id_ < 0 || closer_(std::exchange(id_, H5I_INVALID_HID)) >= 0; }

 private:
  hid_t id_ = H5I_INVALID_HID;
  Closer closer_ = nullptr;
};

// Expands X(T) for each type of number that is read and written.
#define NEUMF_FOR_EACH_HDF5_NUMBER(X)                                                               \
  X(std::int8_t)                                                                                    \
  X(std::uint8_t) X(std::int16_t) X(std::uint16_t) X(std::int32_t) X(std::uint32_t) X(std::int64_t) \
      X(std::uint64_t) X(float) X(double)

// The HDF5 memory type of T: (u)int8 to (u)int64, float, double.
template <class T>
hid_t memory_type();

// The smallest little-endian unsigned file type that holds `maximum`.
hid_t compact_unsigned_type(std::uint64_t maximum);

using Dims = std::vector<hsize_t>;

// One source of a virtual data set: `rows` rows of `dataset` in `file`, a name without directories that is
// resolved next to the file holding the virtual data set.
struct VirtualSource {
  std::string file;
  std::string dataset;
  hsize_t rows;
};

// Whether reading may follow links, virtual data sets and external storage into other files. Files come from
// anywhere, so the programs never do.
enum class OtherFiles { refused, followed };

class File {
 public:
  // Creates or truncates. The file is complete only once close() has returned.
  static File create(const std::filesystem::path& path);
  // Reading a file is safe whatever it holds: no plugin is loaded, and a data set that claims more elements
  // than the file can hold, numbers outside the range of the type asked for, and other files are errors.
  static File open(const std::filesystem::path& path, OtherFiles other_files = OtherFiles::refused);

  const std::filesystem::path& path() const { return path_; }
  bool exists(const std::string& name) const;
  // Shape of a data set. Fails if it is missing.
  Dims dims(const std::string& name) const;

  // Creates a chunked data set with Fletcher32 checksums and writes it. `file_type` defaults to T's own type;
  // groups along `name` are created. `data.size()` must equal the product of `dims`.
  template <class T>
  void write(const std::string& name, std::span<const T> data, const Dims& dims,
             hid_t file_type = H5I_INVALID_HID);
  template <class T>
  void write(const std::string& name, const std::vector<T>& data, hid_t file_type = H5I_INVALID_HID) {
    write(name, std::span<const T>(data), {data.size()}, file_type);
  }
  // Creates a data set of `dims` without data, to be filled by write_rows.
  void create_dataset(const std::string& name, const Dims& dims, hid_t file_type);
  // Writes rows [first, first + count) of an existing data set; `data` holds count rows.
  template <class T>
  void write_rows(const std::string& name, hsize_t first, hsize_t count, std::span<const T> data);

  // Reads a whole data set, of any rank, flattened.
  template <class T>
  std::vector<T> read(const std::string& name) const;
  // Reads rows [first, first + out.size() / row_size) into `out`.
  template <class T>
  void read_rows(const std::string& name, hsize_t first, std::span<T> out) const;

  // Strings as fixed-length UTF-8, null-padded to the longest.
  void write_strings(const std::string& name, const std::vector<std::string>& data);
  std::vector<std::string> read_strings(const std::string& name) const;
  // Whether a data set holds strings (otherwise numbers).
  bool holds_strings(const std::string& name) const;

  void write_virtual(const std::string& name, const Dims& dims, hid_t file_type,
                     const std::vector<VirtualSource>& sources);

  // Attributes of the root group.
  void set_attribute(const std::string& name, std::int64_t value);
  void set_attribute(const std::string& name, double value);
  void set_attribute(const std::string& name, const std::string& value);
  bool has_attribute(const std::string& name) const;
  std::int64_t int_attribute(const std::string& name) const;
  double double_attribute(const std::string& name) const;
  std::string string_attribute(const std::string& name) const;

  // Flushes and closes, and fails if either did: call it before renaming a file that was written.
  void close();

 private:
  File(Handle handle, std::filesystem::path path) : handle_(std::move(handle)), path_(std::move(path)) {}
  Handle open_dataset(const std::string& name) const;
  void check_links(const std::string& name) const;
  void check_storage(const Handle& dataset, const std::string& name) const;
  Handle open_attribute(const std::string& name) const;
  void write_scalar_attribute(const std::string& name, hid_t type, const void* value);

  Handle handle_;
  std::filesystem::path path_;
  OtherFiles other_files_ = OtherFiles::followed;
};

// Fails, naming the file and the data set, unless all values that were read from it are finite numbers.
// `remedy` follows the message.
void require_finite(const File& file, const std::string& name, std::span<const float> values,
                    const std::string& remedy = "");

}  // namespace neumf::hdf5
