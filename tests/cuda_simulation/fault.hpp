// What a simulated GPU refuses.
#pragma once

#include <cuda_runtime_api.h>

#include <string>
#include <utility>
#include <vector>

#include "neumf/core/error.hpp"

namespace neumf::simulation {

// The program's fault that a real GPU might not notice, or answer with a crash or wrong results: said on
// stderr at once. The device is lost from then on, and the process ends with status `fault_status`.
inline constexpr int fault_status = 86;
void report_fault(const std::string& what);
// Of this process so far. Taking them makes the device usable again (for tests).
const std::vector<std::string>& faults();
std::vector<std::string> take_faults();

template <class... Arguments>
void fault(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  report_fault(fmt::format(format, std::forward<Arguments>(arguments)...));
}

// A call that a real library refuses with a code. The reason becomes the text of cudaGetErrorString() and its
// like.
void set_reason(std::string reason);
const std::string& last_reason();
template <class Status, class... Arguments>
Status refuse(Status status, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  set_reason(fmt::format(format, std::forward<Arguments>(arguments)...));
  return status;
}

// Settings from the environment.
long setting(const char* name, long otherwise);

}  // namespace neumf::simulation
