# Which processors to compile for. Sets NEUMF_PORTABLE and the function neumf_kernels().
#
#   NEUMF_ARCH=portable  every x86-64 processor since 2009: kernels are compiled for the levels x86-64-v2, -v3 and -v4
#                        and chosen when a program starts, the rest for x86-64-v2
#   NEUMF_ARCH=native    this machine, or any other name that -march takes; empty: what the compiler takes itself
#
# Levels of the x86-64 ABI: v2 has SSE4.2, v3 AVX2 and FMA, v4 AVX-512.
set(NEUMF_PORTABLE OFF)
if(NEUMF_ARCH STREQUAL "portable")
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" OR NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
    message(FATAL_ERROR "NEUMF_ARCH=portable is for Linux on x86-64: use NEUMF_ARCH=native, or a name that -march takes")
  endif()
  if(NOT CMAKE_READELF OR NOT CMAKE_OBJCOPY)
    message(FATAL_ERROR "NEUMF_ARCH=portable needs readelf and objcopy (package binutils), or use NEUMF_ARCH=native")
  endif()
  if(NEUMF_SANITIZE)
    message(FATAL_ERROR "NEUMF_ARCH=portable has no sanitizers: use NEUMF_ARCH=native with NEUMF_SANITIZE=${NEUMF_SANITIZE}")
  endif()
  enable_language(ASM)
  set(NEUMF_PORTABLE ON)
endif()
set(neumf_kernels_script ${CMAKE_CURRENT_LIST_DIR}/kernels.sh)

# neumf_kernels(TARGET source...): adds sources whose speed matters to a library. In a portable build they are compiled
# once per level, and a call from outside goes to the level that src/core/processor_check.cpp has chosen. They are
# compiled as the library is, which must have all that it links and defines PRIVATE or PUBLIC, and may call everything;
# what others call of them must be functions. kernels.sh says how. Once per program.
function(neumf_kernels target)
  if(NOT NEUMF_PORTABLE)
    target_sources(${target} PRIVATE ${ARGN})
    return()
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target}_kernels)
  set(tuned_for_v2 generic)
  set(tuned_for_v3 haswell)
  set(tuned_for_v4 skylake-avx512)
  set(objects "")
  set(inputs "")
  set(outputs "")
  foreach(level v2 v3 v4)
    set(kernels ${target}_kernels_${level})
    add_library(${kernels} OBJECT ${ARGN})
    set_target_properties(${kernels} PROPERTIES NEUMF_MARCH x86-64-${level})
    target_include_directories(${kernels} PRIVATE $<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>)
    target_include_directories(${kernels} SYSTEM PRIVATE
      $<TARGET_PROPERTY:${target},INTERFACE_SYSTEM_INCLUDE_DIRECTORIES>)
    target_compile_definitions(${kernels} PRIVATE $<TARGET_PROPERTY:${target},COMPILE_DEFINITIONS>)
    target_link_libraries(${kernels} PRIVATE neumf_options $<TARGET_PROPERTY:${target},LINK_LIBRARIES>)
    target_compile_features(${kernels} PRIVATE cxx_std_20)
    # Inline functions are no one's to call from outside. Tuned for all, compilers avoid gathers, without which
    # searches take twice the time.
    target_compile_options(${kernels} PRIVATE -fvisibility-inlines-hidden -fno-lto -mtune=${tuned_for_${level}})
    list(APPEND objects ${level} $<TARGET_OBJECTS:${kernels}>)
    list(APPEND inputs $<TARGET_OBJECTS:${kernels}>)
    add_dependencies(${target} ${kernels})  # which Makefiles do not see of themselves
    foreach(source ${ARGN})
      list(APPEND outputs ${folder}/${level}/${source}${CMAKE_CXX_OUTPUT_EXTENSION})
    endforeach()
  endforeach()
  add_custom_command(OUTPUT ${folder}/calls.S ${outputs}
    COMMAND sh ${neumf_kernels_script} ${CMAKE_READELF} ${CMAKE_OBJCOPY} ${folder} ${objects}
    DEPENDS ${inputs} ${neumf_kernels_script}
    COMMENT "Joining the kernels of all processors" COMMAND_EXPAND_LISTS VERBATIM)
  set_source_files_properties(${outputs} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  target_sources(${target} PRIVATE ${folder}/calls.S ${outputs})
endfunction()
