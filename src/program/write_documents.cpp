// Writes the manual page and the completion script while neumf is built: write_documents DIRECTORY
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "help.hpp"
#include "neumf/core/error.hpp"

namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path);
  file << text;
  file.close();
  neumf::require(file.good(), "{}: cannot write this file", path.string());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    neumf::require(argc == 2, "usage: write_documents DIRECTORY");
    const std::filesystem::path directory = argv[1];
    write(directory / "man/man1/neumf.1", neumf::program::manual_page());
    write(directory / "bash-completion/completions/neumf", neumf::program::bash_completion());
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    fmt::print(stderr, "write_documents: error: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
