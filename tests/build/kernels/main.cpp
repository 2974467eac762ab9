// Prints the level that runs, on one line; on another one what is wrong.
#include <cstdio>
#include <string>
#include <vector>

#include "neumf/core/processor.hpp"
#include "sums.hpp"

int main(int argc, char** argv) {
  using namespace neumf;
  if (argc > 1) set_kernel_level(std::stoi(argv[1]));
  const int level = kernel_level();
  std::printf("%s\n", kernels_name().c_str());
  int wrong = 0;
  const auto check = [&](bool right, const char* what) {
    if (!right) std::printf("wrong: %s\n", what);
    wrong += !right;
  };
  check(level_of_kernel() == level, "a function of the kernels");
  check(compiled_for() == 2, "an inline function, called from outside");
  check(make_sum()->level() == level, "an inline virtual function of a kernel's object");
  check(Sum().level() == 2, "an inline virtual function of another object");
  const std::vector<float> ones(37, 1.0f);
  Sums<float> sums(37);
  check(sums.level() == level && Sums<double>(1).level() == level, "a template's instantiation");
  check(sums.add(ones) == 37 && sums.add(ones) == 74, "sums");
  try {
    fail_in_kernel();
  } catch (const Error& error) {
    check(error.what() == "in a kernel for level " + std::to_string(level), "a kernel's exception");
  }
  check(catches([] { fail("outside"); }), "an exception in a kernel");
  return wrong;
}
