// The one exception type of the library.
//
// Every message names the file or object, the offending value and the remedy, because rank 0 prints it once
// and the user sees nothing else.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace neumf {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws Error with a formatted message.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

// Throws Error with a formatted message unless `condition` holds.
template <class... Args>
void require(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) [[unlikely]]
    fail(format, std::forward<Args>(args)...);
}

}  // namespace neumf
