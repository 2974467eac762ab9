# Whether and for which GPUs to build. Sets NEUMF_HAS_CUDA and NEUMF_HAS_NCCL.
#
#   NEUMF_CUDA=AUTO  where a CUDA compiler is found, ON  required, OFF  never
include(CheckLanguage)

set(NEUMF_HAS_CUDA OFF)
set(NEUMF_HAS_NCCL OFF)
string(TOUPPER "${NEUMF_CUDA}" neumf_cuda_choice)
if(neumf_cuda_choice STREQUAL "AUTO" OR NEUMF_CUDA)
  # The toolkit's installer does not put nvcc in the PATH.
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    find_program(NEUMF_NVCC nvcc PATHS /usr/local/cuda/bin ENV CUDA_HOME ENV CUDA_PATH PATH_SUFFIXES bin)
    mark_as_advanced(NEUMF_NVCC)
    if(NEUMF_NVCC)
      set(ENV{CUDACXX} "${NEUMF_NVCC}")  # which check_language() tries, and CMAKE_CUDA_COMPILER it would take as it is
    endif()
  endif()
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    # Ampere and Hopper machine code; the PTX of the last lets drivers compile for anything newer.
    set(CMAKE_CUDA_ARCHITECTURES "80-real;90" CACHE STRING "GPU architectures to compile for")
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc 12 has C++20
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
    endif()
    set(CMAKE_CUDA_STANDARD 20)
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    set(CMAKE_CUDA_EXTENSIONS OFF)
    if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.0)
      if(NOT neumf_cuda_choice STREQUAL "AUTO")
        message(FATAL_ERROR "NEUMF_CUDA=${NEUMF_CUDA}: ${CMAKE_CUDA_COMPILER} is version "
                            "${CMAKE_CUDA_COMPILER_VERSION}, but 12.0 or newer is needed for C++20")
      endif()
      message(STATUS "GPU: no, ${CMAKE_CUDA_COMPILER} ${CMAKE_CUDA_COMPILER_VERSION} is older than 12.0")
    else()
      set(NEUMF_HAS_CUDA ON)
    endif()
  else()
    set(neumf_no_cuda "no CUDA compiler was found: set CMAKE_CUDA_COMPILER to the path of nvcc, or NEUMF_CUDA=OFF")
    if(DEFINED ENV{CUDACXX})
      set(neumf_no_cuda "$ENV{CUDACXX} cannot build a program: is its toolkit complete (headers, cudart, nvvm)?")
    endif()
    if(NOT neumf_cuda_choice STREQUAL "AUTO")
      message(FATAL_ERROR "NEUMF_CUDA=${NEUMF_CUDA}, but ${neumf_no_cuda}")
    elseif(DEFINED ENV{CUDACXX})
      message(STATUS "GPU: no, ${neumf_no_cuda}")
    endif()
  endif()
endif()

if(NEUMF_HAS_CUDA)
  find_package(CUDAToolkit)
  if(NOT TARGET CUDA::cudart_static OR NOT TARGET CUDA::cublasLt)
    set(neumf_no_cuda "the toolkit of ${CMAKE_CUDA_COMPILER} has no static cudart or no cuBLASLt")
    if(NOT neumf_cuda_choice STREQUAL "AUTO")
      message(FATAL_ERROR "NEUMF_CUDA=${NEUMF_CUDA}, but ${neumf_no_cuda}")
    endif()
    message(STATUS "GPU: no, ${neumf_no_cuda}")
    set(NEUMF_HAS_CUDA OFF)
  endif()
endif()

if(NEUMF_HAS_CUDA)
  find_path(NEUMF_NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ENV NCCL_HOME PATH_SUFFIXES include)
  find_library(NEUMF_NCCL_LIBRARY nccl HINTS ${CUDAToolkit_LIBRARY_DIR} ENV NCCL_HOME PATH_SUFFIXES lib lib64)
  mark_as_advanced(NEUMF_NCCL_INCLUDE_DIR NEUMF_NCCL_LIBRARY)
  if(NEUMF_NCCL_INCLUDE_DIR AND NEUMF_NCCL_LIBRARY)
    set(NEUMF_HAS_NCCL ON)
    message(STATUS "GPU: CUDA ${CUDAToolkit_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}, NCCL")
  else()
    message(STATUS "GPU: CUDA ${CUDAToolkit_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}, without NCCL "
                   "(gradients of several GPUs will go through MPI)")
  endif()
  # How our own device code is compiled.
  add_library(neumf_cuda_options INTERFACE)
  # Host functions that are constexpr (std::bit_cast) may run on the device. Warning 554 is about a conversion
  # function of Matrix that a constraint takes out.
  target_compile_options(neumf_cuda_options INTERFACE
    $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr -Xcompiler=-Wall,-Wextra,-Wshadow --diag-suppress=554>
    $<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${NEUMF_WERROR}>>:-Werror=all-warnings>)
  # fmt 9 believes that nvcc cannot evaluate constant expressions, and then fails to check format strings.
  target_compile_definitions(neumf_cuda_options INTERFACE $<$<COMPILE_LANGUAGE:CUDA>:FMT_USE_CONSTEXPR=1>)
elseif(neumf_cuda_choice STREQUAL "AUTO")
  message(STATUS "GPU: no, built for CPUs only")
endif()

# neumf_join_kernels(VARIABLE source...): nvcc, which knows no precompiled headers, spends nearly all of its time on those of
# a short file. Where NEUMF_PRECOMPILE is on VARIABLE becomes one file that includes the sources, otherwise it lists them.
function(neumf_join_kernels variable)
  if(NOT NEUMF_PRECOMPILE)
    set(${variable} ${ARGN} PARENT_SCOPE)
    return()
  endif()
  list(TRANSFORM ARGN REPLACE "(.+)" "#include \"${CMAKE_CURRENT_SOURCE_DIR}/\\1\"\n" OUTPUT_VARIABLE includes)
  list(JOIN includes "" content)
  file(CONFIGURE OUTPUT ${variable}.cu CONTENT "${content}" @ONLY)
  set(${variable} ${CMAKE_CURRENT_BINARY_DIR}/${variable}.cu PARENT_SCOPE)
endfunction()
