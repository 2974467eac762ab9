// Writes the manual page and the completion script while neumf is built: write_documents DIRECTORY
#include <fmt/format.h>

#include <cstdlib>

#include "help.hpp"
#include "neumf/config/documents.hpp"
#include "neumf/core/error.hpp"

int main(int argc, char** argv) {
  try {
    neumf::require(argc == 2, "usage: write_documents DIRECTORY");
    neumf::write_documents(argv[1], "neumf", neumf::program::manual_page(),
                           neumf::program::bash_completion());
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    fmt::print(stderr, "write_documents: error: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
