// What kernels and others share: an inline function, a template, classes and an exception.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "neumf/core/error.hpp"

namespace neumf {

// The level that its file was compiled for. A linker that kept one copy for all would show.
[[gnu::noinline]] inline int compiled_for() {
#if defined __AVX512F__
  return 4;
#elif defined __AVX2__
  return 3;
#else
  return 2;
#endif
}

class Sum {
 public:
  virtual ~Sum() = default;
  virtual int level() const { return compiled_for(); }
};

template <class T>
class Sums {
 public:
  explicit Sums(std::size_t n);
  virtual ~Sums();
  T add(std::span<const T> values);
  int level() const;

 private:
  std::vector<T> sums_;
};

int level_of_kernel();
std::unique_ptr<Sum> make_sum();
[[noreturn]] void fail_in_kernel();
bool catches(void (*work)());

}  // namespace neumf
