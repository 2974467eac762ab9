#include "digest.hpp"

#include <fcntl.h>
#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "file_descriptor.hpp"
#include "neumf/core/error.hpp"

namespace neumf::preprocess {

// "-fips": MD5 is only a checksum here, so a machine that enforces FIPS may compute it as well.
struct Md5::Context {
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm{EVP_MD_fetch(nullptr, "MD5", "-fips"),
                                                            EVP_MD_free};
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Md5::Md5() : context_(std::make_unique<Context>()) {
  require(context_->algorithm && context_->state &&
              EVP_DigestInit_ex(context_->state.get(), context_->algorithm.get(), nullptr) == 1,
          "OpenSSL offers no MD5 on this machine");
}

Md5::~Md5() = default;

void Md5::update(std::string_view bytes) {
  require(EVP_DigestUpdate(context_->state.get(), bytes.data(), bytes.size()) == 1,
          "OpenSSL cannot compute an MD5");
}

std::string Md5::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  require(EVP_DigestFinal_ex(context_->state.get(), digest.data(), &size) == 1,
          "OpenSSL cannot compute an MD5");
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string md5_of_text(std::string_view text) {
  Md5 md5;
  md5.update(text);
  return md5.finish();
}

std::string md5_of_file(const std::filesystem::path& path) {
  const FileDescriptor file(path);
  Md5 md5;
  std::vector<char> buffer(1u << 20);
  while (const std::size_t count = file.read(buffer)) md5.update({buffer.data(), count});
  return md5.finish();
}

}  // namespace neumf::preprocess
