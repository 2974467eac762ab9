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
namespace {

class Md5 {
 public:
  // "-fips": MD5 is only a checksum here, so a machine that enforces FIPS may compute it as well.
  Md5()
      : algorithm_(EVP_MD_fetch(nullptr, "MD5", "-fips"), EVP_MD_free),
        context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    require(algorithm_ && context_ && EVP_DigestInit_ex(context_.get(), algorithm_.get(), nullptr) == 1,
            "OpenSSL offers no MD5 on this machine");
  }
  void update(std::string_view bytes) {
    require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1,
            "OpenSSL cannot compute an MD5");
  }
  std::string finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    require(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1, "OpenSSL cannot compute an MD5");
    std::string text;
    for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm_;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

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
