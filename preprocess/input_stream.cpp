#include "input_stream.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>

#include "digest.hpp"
#include "file_descriptor.hpp"
#include "neumf/core/error.hpp"

namespace neumf::preprocess {
namespace {

using Path = std::filesystem::path;

// A file or a pipe whose first bytes have been looked at.
class Source {
 public:
  explicit Source(const Path& path) : file_(path) {
    beginning_.resize(512);
    beginning_.resize(file_.read(beginning_));
    if (!file_.is_regular()) digest_.emplace();
  }
  std::string_view beginning() const { return beginning_; }
  bool is_regular() const { return file_.is_regular(); }
  std::string name() const { return file_.path().string(); }
  std::uint64_t position() const { return position_; }

  std::size_t read(std::span<char> out) {
    const std::size_t looked_at = std::string_view(beginning_).substr(taken_).copy(out.data(), out.size());
    taken_ += looked_at;
    const std::size_t count = looked_at + file_.read(out.subspan(looked_at));
    position_ += count;
    if (digest_) digest_->update({out.data(), count});
    return count;
  }
  std::string digest() {
    if (!digest_) return {};
    for (std::array<char, 4096> rest{}; read(rest) > 0;) {
    }
    return digest_->finish();
  }

 private:
  FileDescriptor file_;
  std::string beginning_;
  std::size_t taken_ = 0;
  std::uint64_t position_ = 0;
  std::optional<Digest> digest_;
};

class PlainStream final : public InputStream {
 public:
  explicit PlainStream(std::unique_ptr<Source> source) : source_(std::move(source)) {}
  std::size_t read(std::span<char> out) override { return source_->read(out); }
  std::uint64_t position() const override { return source_->position(); }
  std::string name() const override { return source_->name(); }
  std::string digest() override { return source_->digest(); }

 private:
  std::unique_ptr<Source> source_;
};

// An archive opened by libarchive. A file that is only compressed appears as an archive with one raw member.
class Archive {
 public:
  explicit Archive(const Path& path) : Archive(path.string()) {
    archive_read_support_format_zip(handle_.get());
    check(archive_read_open_filename(handle_.get(), path.c_str(), block));
  }
  // A pipe: read once, from the beginning to the end. `source` must outlive the archive.
  explicit Archive(Source& source) : Archive(source.name()) {
    source_ = &source;
    buffer_.resize(block);
    check(archive_read_open(handle_.get(), this, nullptr, read_source, nullptr));
  }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

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
  static constexpr std::size_t block = 1u << 20;

  explicit Archive(std::string name)
      : name_(std::move(name)), handle_(archive_read_new(), archive_read_free) {
    require(handle_ != nullptr, "{}: out of memory", name_);
    archive_read_support_filter_all(handle_.get());
    archive_read_support_format_tar(handle_.get());
    archive_read_support_format_raw(handle_.get());
    archive_read_support_format_empty(handle_.get());  // what is compressed may be nothing
  }
  static la_ssize_t read_source(archive* handle, void* self, const void** bytes) {
    auto& me = *static_cast<Archive*>(self);
    try {
      *bytes = me.buffer_.data();
      return static_cast<la_ssize_t>(me.source_->read(me.buffer_));
    } catch (const std::exception& error) {  // must not pass through C
      archive_set_error(handle, EIO, "%s", error.what());
      return -1;
    }
  }
  void check(int status) {
    if (status == ARCHIVE_OK) return;
    const char* message = archive_error_string(handle_.get());
    fail("{}: cannot decompress: {}. Is the file complete? Download it again", name_,
         message != nullptr ? message : "unknown error");
  }

  std::string name_;
  std::unique_ptr<archive, decltype(&archive_read_free)> handle_;
  Source* source_ = nullptr;
  std::vector<char> buffer_;
};

std::string entry_name(archive_entry* entry) {
  const char* name = archive_entry_pathname_utf8(entry);
  if (name == nullptr) name = archive_entry_pathname(entry);
  return name != nullptr ? name : "";
}

// The members of an archive that are files; nothing for a file that is only compressed.
std::optional<std::vector<std::string>> list_members(const Path& path) {
  Archive listing(path);
  std::vector<std::string> members;
  while (archive_entry* entry = listing.next()) {
    if (listing.is_raw()) return std::nullopt;
    const std::string name = entry_name(entry);
    if (archive_entry_filetype(entry) == AE_IFREG && !Path(name).filename().string().starts_with("._"))
      members.push_back(name);  // "._" is what macOS adds to archives
  }
  if (listing.is_nothing()) return std::nullopt;
  return members;
}

std::vector<std::string> choose_members(const Path& path, const std::vector<std::string>& members,
                                        const std::vector<MemberPattern>& wanted) {
  require(!members.empty(), "{}: is an empty archive", path.string());
  require(std::find(members.begin(), members.end(), "[Content_Types].xml") == members.end(),
          "{}: is an Excel or other Office file, not text; save the sheet as CSV", path.string());
  std::vector<std::string> patterns;
  for (const auto& [pattern, in_parts] : wanted) {
    patterns.push_back(pattern);
    std::vector<std::string> found;
    std::copy_if(members.begin(), members.end(), std::back_inserter(found), [&](const auto& member) {
      return member == pattern ||
             ::fnmatch(pattern.c_str(), Path(member).filename().c_str(), FNM_CASEFOLD) == 0;
    });
    if (found.size() > 1 && !in_parts)
      fail(
          "{}: holds {} files that could be meant ({}); name one with --member, or all parts of the data: "
          "--member '{}'",
          path.string(), found.size(), fmt::join(found, ", "), pattern);
    std::sort(found.begin(), found.end());
    if (!found.empty()) return found;
  }
  if (members.size() == 1) return members;
  std::vector<std::string> shown(
      members.begin(),
      members.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(members.size(), 12)));
  if (shown.size() < members.size()) shown.emplace_back("...");
  fail("{}: holds no {}; it holds: {}. Name the file with --member", path.string(),
       fmt::join(patterns, " or "), fmt::join(shown, ", "));
}

class ArchiveStream final : public InputStream {
 public:
  // One member, or without a name the content of a file that is only compressed.
  ArchiveStream(const Path& path, std::string member)
      : name_(path.string()), member_(std::move(member)), archive_(std::make_unique<Archive>(path)) {
    if (member_.empty()) {
      at_end_ = archive_->next() == nullptr;
      return;
    }
    while (archive_entry* entry = archive_->next())
      if (entry_name(entry) == member_) return;
    fail("{}: cannot find {} again", path.string(), member_);
  }
  explicit ArchiveStream(std::unique_ptr<Source> source)
      : source_(std::move(source)), name_(source_->name()) {
    require(!source_->beginning().starts_with("PK"),
            "{}: a .zip cannot be read from a pipe; pass its file on: unzip -p FILE NAME | neumf-preprocess "
            "--input -",
            name_);
    archive_ = std::make_unique<Archive>(*source_);
    at_end_ = archive_->next() == nullptr;
    require(at_end_ || archive_->is_raw(),
            "{}: an archive cannot be read from a pipe; pass its file on: tar -xO -f FILE NAME | "
            "neumf-preprocess --input -",
            name_);
  }
  std::size_t read(std::span<char> out) override { return at_end_ ? 0 : archive_->read(out); }
  std::uint64_t position() const override { return archive_->position(); }
  std::string name() const override {
    return member_.empty() ? name_ : fmt::format("{}({})", name_, member_);
  }
  std::string digest() override { return source_ ? source_->digest() : std::string(); }

 private:
  std::unique_ptr<Source> source_;  // of a pipe
  std::string name_, member_;
  std::unique_ptr<Archive> archive_;
  bool at_end_ = false;
};

bool is_compressed(std::string_view start) {
  using namespace std::string_view_literals;
  constexpr std::array magics = {"\x1f\x8b"sv,
                                 "PK\x03\x04"sv,
                                 "PK\x05\x06"sv,
                                 "BZh"sv,
                                 "\xfd"
                                 "7zXZ"sv,
                                 "\x28\xb5\x2f\xfd"sv};
  return std::any_of(magics.begin(), magics.end(), [&](auto magic) { return start.starts_with(magic); }) ||
         (start.size() > 262 && start.substr(257, 5) == "ustar");
}

}  // namespace

std::vector<std::unique_ptr<InputStream>> open_input(const Path& path,
                                                     const std::vector<MemberPattern>& members) {
  std::vector<std::unique_ptr<InputStream>> streams;
  auto source = std::make_unique<Source>(path);
  if (!is_compressed(source->beginning())) {
    streams.push_back(std::make_unique<PlainStream>(std::move(source)));
  } else if (!source->is_regular()) {
    streams.push_back(std::make_unique<ArchiveStream>(std::move(source)));
  } else if (const auto found = list_members(path)) {
    for (const auto& member : choose_members(path, *found, members))
      streams.push_back(std::make_unique<ArchiveStream>(path, member));
  } else {
    streams.push_back(std::make_unique<ArchiveStream>(path, ""));
  }
  return streams;
}

}  // namespace neumf::preprocess
