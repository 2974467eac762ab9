// Parquet and Arrow IPC (Feather) files, through Arrow's C++ library. A build without it says so
// (columnar_absent.cpp).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "parsed_block.hpp"
#include "ratings_format.hpp"
#include "read_options.hpp"

namespace neumf::preprocess {

// By the first bytes: FormatName::parquet, FormatName::arrow, or nothing for all other files and for pipes.
std::optional<FormatName> columnar_kind(const std::filesystem::path& path);

class ColumnarFile {
 public:
  // A block of rows to parse, on any thread.
  using Work = std::function<ParsedBlock()>;

  ColumnarFile() = default;
  ColumnarFile(const ColumnarFile&) = delete;
  ColumnarFile& operator=(const ColumnarFile&) = delete;
  virtual ~ColumnarFile() = default;

  // Chooses the columns as in a table with a header, by `options`, the names and the first rows. Fails if it
  // does not fit the options, and on columns of types that are no ids and no times. To be called once, first.
  virtual RatingsFormat format(const ReadOptions& options) = 0;
  // The next rows, in the order of the file; empty at the end. A few blocks are in memory at a time, however
  // large the file and its row groups are. `format` must outlive the work.
  virtual Work next(const RatingsFormat& format) = 0;
  virtual std::uint64_t rows() const = 0;      // of the file; 0 where it does not say
  virtual std::uint64_t position() const = 0;  // rows that next() has passed
};

// Fails on a damaged file, and where the build has no Arrow.
std::unique_ptr<ColumnarFile> open_columnar(const std::filesystem::path& path, FormatName kind);

// Whether the build has Arrow.
bool reads_columnar();

}  // namespace neumf::preprocess
