// MD5, as a checksum against mix-ups and broken downloads (MovieLens publishes MD5), not for security.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace neumf::preprocess {

// Of bytes as they come.
class Md5 {
 public:
  Md5();
  ~Md5();
  void update(std::string_view bytes);
  // 32 lower-case hexadecimal digits, once.
  std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string md5_of_text(std::string_view text);
// Reads the whole file. Fails if it cannot be read.
std::string md5_of_file(const std::filesystem::path& path);

}  // namespace neumf::preprocess
