#include "input_stream.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <fmt/ranges.h>
#include <algorithm>
#include <array>
#include <string_view>

#include "file_descriptor.hpp"
#include "neumf/core/error.hpp"

namespace neumf::preprocess {
namespace {

using Path = std::filesystem::path;

class PlainStream final : public InputStream {
 public:
  explicit PlainStream(const Path& path) : path_(path), file_(path) {}
  std::size_t read(std::span<char> out) override {
    const std::size_t count = file_.read(out);
    position_ += count;
    return count;
  }
  std::uint64_t position() const override { return position_; }
  std::string name() const override { return path_.string(); }

 private:
  Path path_;
  FileDescriptor file_;
  std::uint64_t position_ = 0;
};

// An archive opened by libarchive. A file that is only compressed appears as an archive with one raw member.
class Archive {
 public:
  explicit Archive(const Path& path) : path_(path), handle_(archive_read_new(), archive_read_free) {
    require(handle_ != nullptr, "{}: out of memory", path.string());
    archive_read_support_filter_all(handle_.get());
    archive_read_support_format_zip(handle_.get());
    archive_read_support_format_tar(handle_.get());
    archive_read_support_format_raw(handle_.get());
    archive_read_support_format_empty(handle_.get());  // what is compressed may be nothing
    constexpr std::size_t block = 1u << 20;
    check(archive_read_open_filename(handle_.get(), path.c_str(), block));
  }
  // The next member, or null after the last one.
  archive_entry* next() {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(handle_.get(), &entry);
    if (status == ARCHIVE_EOF) return nullptr;
    check(status);
    return entry;
  }
  bool is_raw() const { return archive_format(handle_.get()) == ARCHIVE_FORMAT_RAW; }
  bool is_nothing() const { return archive_format(handle_.get()) == ARCHIVE_FORMAT_EMPTY; }
  std::size_t read(std::span<char> out) {
    std::size_t total = 0;
    while (total < out.size()) {
      const la_ssize_t count = archive_read_data(handle_.get(), out.data() + total, out.size() - total);
      if (count == 0) break;
      if (count < 0) check(static_cast<int>(count));
      total += static_cast<std::size_t>(count);
    }
    return total;
  }
  std::uint64_t position() const {
    return static_cast<std::uint64_t>(std::max<la_int64_t>(archive_filter_bytes(handle_.get(), -1), 0));
  }

 private:
  void check(int status) {
    if (status == ARCHIVE_OK) return;
    const char* message = archive_error_string(handle_.get());
    fail("{}: cannot decompress: {}. Is the file complete? Download it again", path_.string(),
         message != nullptr ? message : "unknown error");
  }
  Path path_;
  std::unique_ptr<archive, decltype(&archive_read_free)> handle_;
};

std::string entry_name(archive_entry* entry) {
  const char* name = archive_entry_pathname_utf8(entry);
  if (name == nullptr) name = archive_entry_pathname(entry);
  return name != nullptr ? name : "";
}

bool matches(const std::string& member, const std::string& wanted) {
  const std::string base = Path(member).filename().string();
  if (base.starts_with("._")) return false;  // what macOS adds to archives
  return wanted.starts_with("*") ? base.ends_with(wanted.substr(1)) : base == wanted;
}

std::string choose_member(const Path& path, const std::vector<std::string>& members,
                          const std::vector<std::string>& wanted) {
  for (const auto& pattern : wanted) {
    std::vector<std::string> found;
    std::copy_if(members.begin(), members.end(), std::back_inserter(found),
                 [&](const auto& member) { return matches(member, pattern); });
    if (found.size() == 1) return found.front();
    if (found.size() > 1)
      fail("{}: holds {} files that could be meant ({}); extract the right one and give it as --input",
           path.string(), found.size(), fmt::join(found, ", "));
  }
  std::vector<std::string> shown(
      members.begin(),
      members.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(members.size(), 12)));
  if (shown.size() < members.size()) shown.emplace_back("...");
  fail("{}: holds no {}; it holds: {}", path.string(), fmt::join(wanted, " or "), fmt::join(shown, ", "));
}

class ArchiveStream final : public InputStream {
 public:
  ArchiveStream(const Path& path, const std::vector<std::string>& wanted) : path_(path), archive_(path) {
    // Members are listed first: which one is meant is known only when all names are.
    std::vector<std::string> members;
    {
      Archive listing(path);
      while (archive_entry* entry = listing.next()) {
        if (listing.is_raw()) {
          at_end_ = archive_.next() == nullptr;
          return;
        }
        if (archive_entry_filetype(entry) == AE_IFREG) members.push_back(entry_name(entry));
      }
      if (listing.is_nothing()) {
        at_end_ = true;
        return;
      }
    }
    require(!members.empty(), "{}: is an empty archive", path.string());
    member_ = choose_member(path, members, wanted);
    while (archive_entry* entry = archive_.next())
      if (entry_name(entry) == member_) return;
    fail("{}: cannot find {} again", path.string(), member_);
  }
  std::size_t read(std::span<char> out) override { return at_end_ ? 0 : archive_.read(out); }
  std::uint64_t position() const override { return archive_.position(); }
  std::string name() const override {
    return member_.empty() ? path_.string() : fmt::format("{}({})", path_.string(), member_);
  }

 private:
  Path path_;
  Archive archive_;
  std::string member_;
  bool at_end_ = false;
};

bool is_compressed(const Path& path) {
  using namespace std::string_view_literals;
  std::array<char, 8> bytes{};
  const std::size_t count = FileDescriptor(path).read(bytes);
  const std::string_view start(bytes.data(), count);
  constexpr std::array magics = {"\x1f\x8b"sv,
                                 "PK\x03\x04"sv,
                                 "PK\x05\x06"sv,
                                 "BZh"sv,
                                 "\xfd"
                                 "7zXZ"sv,
                                 "\x28\xb5\x2f\xfd"sv};
  return std::any_of(magics.begin(), magics.end(), [&](auto magic) { return start.starts_with(magic); });
}

}  // namespace

std::unique_ptr<InputStream> open_input(const Path& path, const std::vector<std::string>& members) {
  if (is_compressed(path)) return std::make_unique<ArchiveStream>(path, members);
  return std::make_unique<PlainStream>(path);
}

}  // namespace neumf::preprocess
