// neumf-preprocess: ratings files to HDF5 shards.
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>

#include "preprocess.hpp"

int main(int argc, char** argv) {
  using namespace neumf::preprocess;
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the limit of sizes is an error to report like a full disk
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
