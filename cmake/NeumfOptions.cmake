# neumf_options: how our own code is compiled. Nothing here reaches users of the installed library.
add_library(neumf_options INTERFACE)
target_compile_options(neumf_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${NEUMF_WERROR}>>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms inside std::string (GCC bug 105651 and its relatives).
  target_compile_options(neumf_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Functions that take vectors longer than the processor's (src/ops/cpu/lanes.hpp) stay within a file.
  target_compile_options(neumf_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-psabi>)
endif()
# The processor, but for targets that have a property NEUMF_MARCH. The rest of a portable build is for the least level.
set(neumf_march ${NEUMF_ARCH})
if(NEUMF_PORTABLE)
  set(neumf_march x86-64-v2)
endif()
if(neumf_march)
  set(neumf_own_march $<TARGET_PROPERTY:NEUMF_MARCH>)
  target_compile_options(neumf_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-march=$<IF:$<BOOL:${neumf_own_march}>,${neumf_own_march},${neumf_march}>>)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    # Compilers prefer 256-bit vectors on most processors; our loops are long enough for 512.
    target_compile_options(neumf_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-mprefer-vector-width=512>)
  endif()
endif()
# No errno and no traps: what vectorisation needs, without reordering sums (results stay reproducible).
target_compile_options(neumf_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fno-math-errno -fno-trapping-math>)
if(NEUMF_SANITIZE)
  target_compile_options(neumf_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${NEUMF_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all>)
  target_link_options(neumf_options INTERFACE -fsanitize=${NEUMF_SANITIZE})
endif()

# A build from nothing takes a quarter less time with the libraries' headers read once; but a file that forgets one of
# them compiles then, and all do again when one changes. Kernels must have the level of optimisation of the header: GCC
# takes the header's for files with vector intrinsics, whatever they ask for.
option(NEUMF_PRECOMPILE "Precompile the headers of libraries, and the kernels of GPUs together" OFF)
function(neumf_precompile target)
  if(NEUMF_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE <algorithm> <chrono> <cmath> <cstdint> <filesystem> <functional>
      <map> <memory> <optional> <span> <sstream> <string> <unordered_map> <vector> <fmt/format.h> ${ARGN})
  endif()
endfunction()
