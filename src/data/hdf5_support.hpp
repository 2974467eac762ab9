// What reading and writing HDF5 share: errors, and descriptions of rows.
#pragma once

#include <filesystem>
#include <string>

#include "neumf/core/error.hpp"
#include "neumf/data/hdf5.hpp"

namespace neumf::hdf5 {

// HDF5 prints its errors by default; after this it keeps them for innermost_error(), in this thread.
void silence_error_printing();

// The cause of the last failure in this thread, in HDF5's words, or in ours where those do not tell what to
// do.
std::string innermost_error();

// Throws Error, naming the file and the object, if an HDF5 function has failed; returns what it returned.
template <class Status>
Status check(Status status, const std::filesystem::path& path, const std::string& object,
             const char* action) {
  if (status < 0)
    fail("{}: cannot {} {}: {}", path.string(), action, object.empty() ? "file" : object, innermost_error());
  return status;
}

// Elements of a data set of this shape.
hsize_t product(const Dims& dims);

// How files are opened. They are never locked: a file appears under its name by renaming, when it is
// complete, and where a file system has no locks (NFS, Lustre and DVS as many clusters mount them), asking
// for one fails.
Handle file_access();

// The data space of a shape.
Handle space_of(const Dims& dims);

// That space, and in it the rows [first, first + count).
Handle row_selection(const Dims& dims, hsize_t first, hsize_t count);

// Memory that holds `count` rows: of the file's rank, since HDF5 is far slower where the ranks differ.
Handle rows_in_memory(Dims dims, hsize_t count);

// The type of fixed-length strings of `width` bytes, UTF-8, padded with zeros.
Handle string_type(std::size_t width);

// Calls visit("/a"), visit("/a/b"), ... up to the whole name, as long as that returns true, which is what is
// returned.
template <class Visit>
bool for_each_link(const std::string& name, const Visit& visit) {
  for (std::size_t end = name.find('/', 1);; end = name.find('/', end + 1)) {
    if (!visit(name.substr(0, end))) return false;
    if (end == std::string::npos) return true;
  }
}

}  // namespace neumf::hdf5
