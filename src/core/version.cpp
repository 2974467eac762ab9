#include "neumf/core/version.hpp"

#include <dnnl_version.h>
#include <fmt/format.h>
#include <hdf5.h>
#include <mpi.h>

#include <cctype>

#include "neumf/core/processor.hpp"

namespace neumf {

const char* version() {
  return NEUMF_VERSION;
}

std::string mpi_name(const std::string& library_version) {
  // "Open MPI v4.1.4, package: ...", "MPICH Version:\t5.0.2\nMPICH Release date: ...",
  // "Intel(R) MPI Library 2021.19 for Linux* OS".
  std::string line = library_version.substr(0, library_version.find_first_of(",\n"));
  const auto replace = [&](const std::string& from, const std::string& to) {
    if (const auto at = line.find(from); at != std::string::npos) line.replace(at, from.size(), to);
  };
  replace("Open MPI v", "Open MPI ");
  replace("Version:", "");
  replace("Intel(R) MPI Library", "Intel MPI");
  replace(" for Linux* OS", "");
  std::string name;  // with single spaces
  for (const char c : line)
    if (c != '\0' && std::isspace(static_cast<unsigned char>(c)) == 0)
      name += c;
    else if (!name.empty() && name.back() != ' ')
      name += ' ';
  if (name.ends_with(' ')) name.pop_back();
  return name;
}

std::string mpi_name() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  return mpi_name(std::string(text, static_cast<std::size_t>(length)));
}

std::string version_text() {
#ifdef NEUMF_WITH_CUDA
  const char* gpu = "CUDA";
#else
  const char* gpu = "none: built without CUDA, runs on CPU ranks";
#endif
#if defined(NEUMF_WITH_NCCL)
  const char* nccl = ", NCCL";
#elif defined(NEUMF_WITH_CUDA)
  const char* nccl = ", without NCCL: gradients of several GPUs go through MPI";
#else
  const char* nccl = "";
#endif
  return fmt::format(
      "neumf {}\nMPI   {}\nHDF5  {}.{}.{}\noneDNN {}.{}.{}\nCPU   kernels for {}; {}\nGPU   {}{}\n",
      version(), mpi_name(), H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE, DNNL_VERSION_MAJOR,
      DNNL_VERSION_MINOR, DNNL_VERSION_PATCH, kernels_name(), processor_name(), gpu, nccl);
}

}  // namespace neumf
