// The bytes of an input: a plain file, a compressed one (.gz, .bz2, .xz, .zst), or a member of an archive
// (.zip, .tar.gz). What it is follows from its first bytes, not from its name.
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
};

// `members` names the wanted member of an archive: "ratings.csv" in any folder, or "*.csv". The first of them
// that matches counts. Fails if none or several match, and says what the archive holds.
std::unique_ptr<InputStream> open_input(const std::filesystem::path& path,
                                        const std::vector<std::string>& members);

}  // namespace neumf::preprocess
