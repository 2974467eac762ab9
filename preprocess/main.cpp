// neumf-preprocess: ratings files to HDF5 shards.
#include <cstdio>
#include <exception>
#include <iostream>

#include "neumf/data/write_errors.hpp"
#include "preprocess.hpp"

int main(int argc, char** argv) {
  using namespace neumf::preprocess;
  neumf::let_writes_fail();
  try {
    const Options options = parse_options({argv + 1, argv + argc});
    if (options.help)
      print_help(std::cout);
    else if (options.version)
      std::cout << program_version() << '\n';
    else
      std::cout << preprocess(options);
    return 0;
  } catch (const std::bad_alloc&) {
    std::fputs("neumf-preprocess: error: out of memory\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "neumf-preprocess: error: %s\n", error.what());
  }
  return 1;
}
