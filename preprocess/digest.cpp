#include "digest.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <memory>
#include <vector>

#include "file_descriptor.hpp"
#include "neumf/core/error.hpp"

namespace neumf::preprocess {

struct Digest::State {
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> xxh3{XXH3_createState(), XXH3_freeState};
};

Digest::Digest() : state_(std::make_unique<State>()) {
  require(state_->xxh3 && XXH3_128bits_reset(state_->xxh3.get()) == XXH_OK, "xxHash cannot begin a checksum");
}

Digest::~Digest() = default;

void Digest::update(std::string_view bytes) {
  require(XXH3_128bits_update(state_->xxh3.get(), bytes.data(), bytes.size()) == XXH_OK,
          "xxHash cannot compute a checksum");
}

std::string Digest::finish() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->xxh3.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string digest_of_text(std::string_view text) {
  Digest digest;
  digest.update(text);
  return digest.finish();
}

std::string digest_of_file(const std::filesystem::path& path) {
  const FileDescriptor file(path);
  Digest digest;
  std::vector<char> buffer(1u << 20);
  while (const std::size_t count = file.read(buffer)) digest.update({buffer.data(), count});
  return digest.finish();
}

}  // namespace neumf::preprocess
