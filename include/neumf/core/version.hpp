// What this build is.
#pragma once

#include <string>

namespace neumf {

// "0.1.0"
const char* version();
// Several lines: the version, the libraries, the processor and its kernels, and whether GPUs are supported.
std::string version_text();

// The MPI library that runs, on one line: "Open MPI 4.1.4", "MPICH 5.0.2", "Intel MPI 2021.19".
std::string mpi_name();
// The same from what MPI_Get_library_version says, which may have several lines.
std::string mpi_name(const std::string& library_version);

}  // namespace neumf
