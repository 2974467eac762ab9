// numpy's file formats: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <exception>
#include <memory>
#include <string>

#include "formats.hpp"
#include "neumf/core/error.hpp"

namespace neumf::program {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are written as they lie in memory");

// What precedes the values: the type and the shape, as Python's literal, padded to a multiple of 64 bytes.
std::string npy_header(const std::string& type, const std::vector<std::uint64_t>& dims) {
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", type,
                                 fmt::join(dims, ", "), dims.size() == 1 ? "," : "");
  constexpr std::size_t before = 10;
  text.append((64 - (before + text.size() + 1) % 64) % 64, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

// Valid UTF-8 as code points.
std::u32string code_points(const std::string& text) {
  std::u32string points;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    char32_t point = lead < 0x80 ? lead : lead < 0xE0 ? lead & 0x1F : lead < 0xF0 ? lead & 0x0F : lead & 0x07;
    for (; i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80; ++i)
      point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3F);
    points += point;
  }
  return points;
}

// A ZIP archive whose entries are stored as they are.
class Zip {
 public:
  explicit Zip(const WriteBytes& write) : write_(write), archive_(archive_write_new(), &archive_write_free) {
    require(archive_ != nullptr, "no memory for an archive");
    check(archive_write_set_format_zip(archive_.get()));
    check(archive_write_set_options(archive_.get(), "zip:compression=store"));
    check(archive_write_set_bytes_in_last_block(archive_.get(), 1));
    check(archive_write_open(archive_.get(), this, nullptr, &Zip::pass_on, nullptr));
  }

  void begin(const std::string& name, std::uint64_t bytes) {
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                         &archive_entry_free);
    require(entry != nullptr, "no memory for an archive");
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_mtime(entry.get(), 315532800, 0);  // 1980, where ZIP begins: equal models, equal files
    check(archive_write_header(archive_.get(), entry.get()));
  }

  void data(std::string_view bytes) {
    const auto written = archive_write_data(archive_.get(), bytes.data(), bytes.size());
    check(written == static_cast<la_ssize_t>(bytes.size()) ? ARCHIVE_OK : ARCHIVE_FATAL);
  }

  void close() { check(archive_write_close(archive_.get())); }

 private:
  static la_ssize_t pass_on(archive*, void* self, const void* bytes, size_t count) {
    auto& zip = *static_cast<Zip*>(self);
    try {
      zip.write_({static_cast<const char*>(bytes), count});
    } catch (...) {  // must not pass through the library
      zip.failure_ = std::current_exception();
      return -1;
    }
    return static_cast<la_ssize_t>(count);
  }

  void check(int status) {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (status == ARCHIVE_OK) return;
    const char* reason = archive_error_string(archive_.get());
    fail("cannot write the archive: {}", reason != nullptr ? reason : "unknown error");
  }

  const WriteBytes& write_;
  std::exception_ptr failure_;  // of write_
  std::unique_ptr<archive, int (*)(archive*)> archive_;
};

void add_ids(Zip& zip, const std::string& name, const std::vector<std::string>& ids) {
  std::vector<std::u32string> texts;
  std::size_t longest = 1;
  for (const auto& id : ids) longest = std::max(longest, texts.emplace_back(code_points(id)).size());
  const std::string header = npy_header(fmt::format("<U{}", longest), {ids.size()});
  zip.begin(name + ".npy", header.size() + ids.size() * longest * sizeof(char32_t));
  zip.data(header);
  for (auto& text : texts) {
    text.resize(longest, U'\0');
    zip.data({reinterpret_cast<const char*>(text.data()), longest * sizeof(char32_t)});
  }
}

}  // namespace

void write_npz(ModelArrays& model, const WriteBytes& write) {
  Zip zip(write);
  for (const auto& array : model.all()) {
    const std::string header = npy_header("<f4", array.dims);
    zip.begin(array.name + ".npy", header.size() + array.bytes());
    zip.data(header);
    model.read(array, [&](std::span<const float> values) {
      zip.data({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
    });
  }
  add_ids(zip, "user_ids", model.user_ids());
  add_ids(zip, "item_ids", model.item_ids());
  zip.close();
}

}  // namespace neumf::program
