// Writes the manual page and the completion script while neumf-preprocess is built: write_documents DIRECTORY
#include "neumf/config/documents.hpp"

#include <cstdlib>

#include "help.hpp"
#include "neumf/core/error.hpp"

int main(int argc, char** argv) {
  using namespace neumf::preprocess;
  try {
    neumf::require(argc == 2, "usage: write_documents DIRECTORY");
    neumf::write_documents(argv[1], "neumf-preprocess", manual_page(), bash_completion());
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    fmt::print(stderr, "write_documents: error: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
