// The bytes of an input: a plain file, a compressed one (.gz, .bz2, .xz, .zst), members of an archive (.zip,
// .tar, .tar.gz), or a pipe, compressed or not. What it is follows from its first bytes, not from its name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace neumf::preprocess {

class InputStream {
 public:
  InputStream() = default;
  InputStream(const InputStream&) = delete;
  InputStream& operator=(const InputStream&) = delete;
  virtual ~InputStream() = default;

  // Returns the number of bytes read: `out.size()` or, at the end, fewer.
  virtual std::size_t read(std::span<char> out) = 0;
  // Bytes of the file on disk that have been read, for progress.
  virtual std::uint64_t position() const = 0;
  // "ratings.csv", or "ml-20m.zip(ml-20m/ratings.csv)" for a member of an archive.
  virtual std::string name() const = 0;
  // The checksum (digest.hpp) of all bytes of a pipe, which cannot be read again; empty for files. Call it at the end.
  virtual std::string digest() { return {}; }
};

// The wanted members of an archive: "ratings.csv" in any folder, or "*.csv", whatever the case. Of several
// that match one is meant, unless the data are kept in parts.
struct MemberPattern {
  std::string pattern;
  bool in_parts = false;
};

// One stream, or one for each part in the order of their names. "-" is standard input. In an archive the
// first pattern that matches counts, or else its only file. Fails if nothing matches, or several files do
// that are no parts, and says what the archive holds.
std::vector<std::unique_ptr<InputStream>> open_input(const std::filesystem::path& path,
                                                     const std::vector<MemberPattern>& members);

}  // namespace neumf::preprocess
