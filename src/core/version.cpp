#include "neumf/core/version.hpp"

#include <dnnl_version.h>
#include <fmt/format.h>
#include <hdf5.h>
#include <mpi.h>

namespace neumf {

const char* version() {
  return NEUMF_VERSION;
}

std::string version_text() {
  char mpi[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(mpi, &length);
  std::string mpi_name(mpi, static_cast<std::size_t>(length));
  mpi_name = mpi_name.substr(0, mpi_name.find(','));
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
  return fmt::format("neumf {}\nMPI   {}\nHDF5  {}.{}.{}\noneDNN {}.{}.{}\nGPU   {}{}\n", version(), mpi_name,
                     H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE, DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR,
                     DNNL_VERSION_PATCH, gpu, nccl);
}

}  // namespace neumf
